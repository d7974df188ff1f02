// One batch of the supplier: revoke what is still sealed, save certificates.

import * as operations from "../operations.js";
import { signStatement } from "../protocol/statements.js";
import { download, h } from "./dom.js";
import { read, settings, token } from "./key-session.js";
import { signerFields } from "./signer.js";
import { number, said, t } from "./texts.js";

const DEADLINE = 3600;
const MAX_REVOKED = 1000;
const AT_ONCE = 8; // certificates fetched at the same time

export function openBatch(place, batch) {
  const id = batch.batchId.slice(2);
  const panel = h("section.panel", { tabindex: "-1" }, h("h3", {}, t("supplier.panel", { id, count: number(batch.count) })), revoking(batch), certificates(batch, id));
  place.replaceChildren(panel);
  panel.focus();
}

/** "3, 5-9" as numbers below `count`; null where it is not that. */
export function parseIndices(text, count) {
  const found = new Set();
  for (const part of text.split(/[\s,，、]+/).filter(Boolean)) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!match) return null;
    for (let i = Number(match[1]); i <= Number(match[2] ?? match[1]); i++) {
      if (i >= count || found.size > 10_000) return null;
      found.add(i);
    }
  }
  return found.size ? [...found].sort((a, b) => a - b) : null;
}

function revoking(batch) {
  const indices = h("input", { id: "revoked", required: true, placeholder: "3, 5-9", "aria-describedby": "revoke-note" });
  const note = h("p.fault", { id: "revoke-note", role: "alert" });
  const signer = signerFields("revoke");
  const submit = async (event) => {
    event.preventDefault();
    const chosen = parseIndices(indices.value, batch.count);
    if (!chosen || chosen.length > MAX_REVOKED) return (note.textContent = t("supplier.revoke.which", { most: MAX_REVOKED }));
    try {
      await revoke(batch, chosen, await signer.open(), (text) => (note.textContent = text));
    } catch (error) {
      note.textContent = said(error);
    }
  };
  const button = h("button", { type: "submit", "data-revoke": true }, t("supplier.revoke"));
  return h("form.grid", { onsubmit: submit }, h("p", {}, h("label", { for: "revoked" }, t("supplier.revoke.label")), indices), signer.fields, h("p.full", {}, button), note);
}

async function revoke(batch, indices, privateKey, tell) {
  const deadline = Math.floor(Date.now() / 1000) + DEADLINE;
  const statement = signStatement(privateKey, settings, "Revoke", { batchId: batch.batchId, indices, deadline });
  const operation = await operations.send(operations.request("/v1/revocations", { statement }, token));
  await operations.follow(operation, ({ status, block }) => tell(t(`operation.${status}`, { block })), "included");
  tell(t("supplier.revoked"));
}

function certificates(batch, id) {
  const range = h("input", { id: "range", value: `0-${Math.min(batch.count, 100) - 1}` });
  const note = h("p.hint", { role: "status" });
  const save = async () => {
    const chosen = parseIndices(range.value, batch.count);
    if (!chosen) return (note.textContent = t("supplier.revoke.which", { most: batch.count }));
    const lines = await fetchAll(id, chosen, (done) => (note.textContent = t("supplier.certificates.progress", { done, total: chosen.length })));
    download(`${id}.certificates.ndjson`, "application/x-ndjson", lines.join(""));
  };
  const button = h("button", { type: "button", "data-certificates": true, onclick: save }, t("supplier.certificates"));
  return h("div.grid", {}, h("p", {}, h("label", { for: "range" }, t("supplier.certificates.label")), range), h("p.full", {}, button), note);
}

async function fetchAll(id, indices, tell) {
  const lines = [];
  for (let first = 0; first < indices.length; first += AT_ONCE) {
    const part = indices.slice(first, first + AT_ONCE);
    const found = await Promise.all(part.map((index) => read(`/v1/vouchers/${id}-${index}/certificate`)));
    lines.push(...found.map((certificate) => JSON.stringify(certificate) + "\n"));
    tell(lines.length);
  }
  return lines;
}
