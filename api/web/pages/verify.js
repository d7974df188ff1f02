// The page for buyers: a code in, a verdict out, and the way to claim.

import * as ask from "../parts/ask.js";
import { download, embedded, find, h } from "../parts/dom.js";
import { endpoints, manageEndpoints } from "../parts/endpoints.js";
import { stepList } from "../parts/steps.js";
import { said, t } from "../parts/texts.js";
import { timeline } from "../parts/timeline.js";
import { verdictCard, workingCard } from "../parts/verdict-card.js";
import { voucherFacts } from "../parts/voucher-facts.js";
import { InvalidInput } from "../protocol/bytes.js";
import { parseCertificate } from "../protocol/certificate.js";
import { voucherId } from "../protocol/voucher-key.js";
import { verify } from "../verification.js";

const settings = embedded("settings");
const pin = { chainId: settings.chainId, registry: settings.registry, since: settings.since };
const result = find("[data-result]");
let shown = null;
let certificate = null; // the reader's own, where they gave one
let latest = 0;

/** Shows the verdict on `code`; a later call overtakes an earlier one that is still reading. */
async function check(code) {
  const turn = ++latest;
  shown = code;
  performance.mark("decoded");
  result.replaceChildren(workingCard());
  document.body.dataset.asked = "";
  const found = await verify(code, { urls: endpoints(), pin, document: fitting(code) });
  if (turn === latest) await show(found);
}

/** The verdict first; what stands behind it follows in the next frame. */
async function show(found) {
  const turn = latest;
  const card = verdictCard(found, actions(found));
  result.replaceChildren(card);
  performance.mark("verdict");
  find("h2", card).focus({ preventScroll: true });
  await new Promise((resolve) => setTimeout(resolve));
  if (turn !== latest) return;
  const rest = [voucherFacts(found), timeline(found.evidence), stepList(found.judgement), tools(found)];
  result.append(...rest.filter(Boolean));
  card.scrollIntoView({ block: "nearest" });
}

function actions(found) {
  const { verdict, keyStanding } = found.judgement;
  const holds = ["printed", "current"].includes(keyStanding) && ["sealed", "held", "suspended"].includes(verdict);
  const again = h("button", { type: "button", onclick: () => check(shown) }, t("verify.again"));
  if (verdict === "undetermined") return [again];
  if (!holds) return [];
  const claim = h("button.primary", { type: "button", "data-claim": true, onclick: () => begin(found, "claim") }, t("claim.begin"));
  const give = h("button", { type: "button", "data-give": true, onclick: () => begin(found, "give") }, t("claim.give"));
  const content = !/^0x0+$/.test(found.evidence.certificate.contentHash);
  const open = h("button", { type: "button", "data-open-content": true, onclick: () => begin(found, "open") }, t("content.open"));
  return keyStanding === "printed" ? [claim, content && open].filter(Boolean) : [give, content && open].filter(Boolean);
}

/** Re-keying is a page part of its own, loaded when somebody wants it. */
async function begin(found, intent) {
  const { rekey, showContent } = await import("../parts/rekey.js");
  const place = find(".verdict");
  find("[data-trouble]", place)?.remove();
  try {
    if (intent === "open") await showContent(place, found, shown);
    else await rekey(place, { found, shown, intent, settings, done: check });
  } catch (error) {
    if (!error.code) throw error; // a fault of this program, not of the world
    place.append(h("p.fault", { role: "alert", "data-trouble": true }, said(error, error.values)));
  }
}

function tools({ document: proof }) {
  const name = `${voucherId(shown)}.certificate.json`;
  const save = () => download(name, "application/json", JSON.stringify(proof, null, 2));
  return h(
    "div.tools",
    {},
    proof && h("button", { type: "button", "data-save": true, onclick: save }, t("verify.save_certificate")),
    h("button", { type: "button", onclick: () => print() }, t("common.print")),
    h("button", { type: "button", onclick: another }, t("verify.another")),
  );
}

function another() {
  latest++;
  shown = null;
  result.replaceChildren();
  delete document.body.dataset.asked;
  find("#code").focus();
}

/** The reader's own certificate, where it is this voucher's. */
function fitting({ batchId, index }) {
  const own = certificate && parseCertificate(certificate);
  return own && own.batchId === batchId && own.index === index ? certificate : undefined;
}

async function takeCertificate(event) {
  try {
    certificate = JSON.parse(await event.target.files[0].text());
    const { batchId, index } = parseCertificate(certificate);
    ask.fault("");
    await check(shown && shown.batchId === batchId && shown.index === index ? shown : { batchId, index });
  } catch (error) {
    certificate = null;
    if (!(error instanceof InvalidInput || error instanceof SyntaxError)) throw error;
    ask.fault(t(error instanceof SyntaxError ? "error.certificate.json" : `error.${error.code}`, error.values));
  }
}

function start() {
  ask.listen(check);
  find("[data-sources]").hidden = false;
  manageEndpoints(() => shown && check(shown));
  find("[data-certificate]").addEventListener("change", takeCertificate);
  addEventListener("hashchange", fromLink);
  fromLink();
}

function fromLink() {
  const text = ask.takeFragment();
  if (text) ask.accept(text, check);
  else if (settings.exposed) fromPath();
  else if (settings.voucherId && !shown) ask.accept(settings.voucherId, check);
}

/** The key came in the path, so that it was sent to the server: it is dead to trust, unless it is claimed at once. */
function fromPath() {
  const path = location.pathname;
  history.replaceState(null, "", "/v");
  find("[data-exposed]").hidden = false;
  ask.accept(path, check);
}

start();
