// Minting: the worker draws the vouchers, the page saves the key file, and only then is the batch sent.

import * as operations from "../operations.js";
import { InvalidInput } from "../protocol/bytes.js";
import { download, find, h, onSubmit } from "./dom.js";
import { settings, upload } from "./key-session.js";
import { readKeystore } from "./signer.js";
import { number, said, t } from "./texts.js";

const DEADLINE = 3600;
const work = () => find("[data-work]");

/** Listens to the form; `minted` is called after a batch is on the chain. */
export function prepareMinting(minted) {
  const url = find("script[data-worker]").dataset.worker;
  onSubmit(find("form[data-order]"), async (event) => {
    const button = find("button[type=submit]", event.target);
    button.disabled = true;
    try {
      await mint(new Worker(url, { type: "module" }), await readOrder(), minted);
    } catch (error) {
      fail(error);
    } finally {
      button.disabled = false;
    }
  });
}

function fail(error) {
  work().append(h("p.fault", { role: "alert" }, said(error, error.values)));
}

async function readOrder() {
  const value = (id) => find(`#${id}`).value.trim();
  const count = Number(value("count"));
  const contents = value("contents") ? value("contents").split("\n").map((line) => line.trim()) : null;
  if (contents && contents.length !== count) throw new InvalidInput("supplier.contents", { lines: contents.length, count });
  const terms = { product: value("product") };
  if (value("amount")) terms.faceValue = { amount: value("amount"), currency: value("currency") };
  if (value("conditions")) terms.conditions = value("conditions");
  return {
    signer: { keystore: await readKeystore(find("#keystore")), passphrase: find("#passphrase").value },
    domain: { chainId: settings.chainId, registry: settings.registry },
    brand: value("brand").toLowerCase(),
    terms,
    count,
    contents,
    expiresAt: Math.floor(Date.parse(`${value("expires")}T23:59:59Z`) / 1000),
    deadline: Math.floor(Date.now() / 1000) + DEADLINE,
    baseUrl: settings.publicUrl,
  };
}

async function mint(worker, order, minted) {
  const bar = h("progress", { max: order.count, value: 0, "aria-label": t("supplier.drawing") });
  const status = h("p", { role: "status", "data-mint-status": true }, t("supplier.opening"));
  work().replaceChildren(h("section.panel", {}, h("h3", {}, t("supplier.drawing")), bar, status));
  const tell = (done) => {
    bar.value = done;
    status.textContent = t("supplier.progress", { done: number(done), total: number(order.count) });
  };
  const batch = await ask(worker, { type: "mint", ...order }, tell);
  await saved(worker, order, batch, bar, status);
  await send(order, batch, status);
  status.textContent = t("supplier.done", { id: batch.batchId.slice(2) });
  await minted();
}

/** One question to the worker → its answer. Throws {code, values, detail}. */
function ask(worker, message, tell) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data.type === "progress") tell(data.done);
      else if (data.type === "failed") reject(data);
      else resolve(data);
    };
    worker.onerror = () => reject({ code: "unknown" });
    worker.postMessage(message);
  });
}

/** Resolves once the key file was saved: without it nobody could ever use the batch. */
function saved(worker, order, batch, bar, status) {
  bar.value = order.count;
  status.textContent = t("supplier.save");
  return new Promise((resolve) => {
    const id = batch.batchId.slice(2);
    const go = h("button.primary", { type: "button", disabled: true, "data-send": true, onclick: resolve }, t("supplier.send"));
    const keep = () => {
      download(`${id}.keys.csv`, "text/csv", batch.keyFile);
      go.disabled = false;
    };
    const print = async () => {
      const words = { title: order.terms.product, check: t("label.check"), secret: t("label.secret") };
      const tell = (done) => (status.textContent = t("supplier.labels.progress", { done: number(done) }));
      const { pdf } = await ask(worker, { type: "labels", words }, tell);
      download(`${id}.labels.pdf`, "application/pdf", pdf);
      status.textContent = t("supplier.save");
    };
    const keys = h("button.primary", { type: "button", "data-keys": true, onclick: keep }, t("supplier.keys"));
    const labels = h("button", { type: "button", "data-labels": true, onclick: print }, t("supplier.labels"));
    work().append(h("div.actions", {}, keys, labels, go));
  });
}

async function send(order, batch, status) {
  find(".actions", work()).remove();
  const form = new FormData();
  form.append("statement", JSON.stringify(batch.statement));
  form.append("terms", JSON.stringify(order.terms));
  form.append("leaves", batch.leaves, "leaves.bin");
  if (batch.sealed) form.append("sealed", batch.sealed, "sealed.bin");
  status.textContent = t("supplier.sending");
  const operation = await upload("/v1/batches", form);
  await operations.follow(operation, (now) => (status.textContent = t(`operation.${now.status}`, { block: now.block })), "included");
}
