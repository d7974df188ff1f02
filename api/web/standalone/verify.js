// verify.html: the same judge without any server of ours. A key or certificate in, RPC endpoints of the reader's choice.

import "./language.js";
import { embedded, find, h } from "../parts/dom.js";
import { stepList } from "../parts/steps.js";
import { t } from "../parts/texts.js";
import { timeline } from "../parts/timeline.js";
import { verdictCard, workingCard } from "../parts/verdict-card.js";
import { voucherFacts } from "../parts/voucher-facts.js";
import { InvalidInput, parseAddress } from "../protocol/bytes.js";
import { parseCertificate } from "../protocol/certificate.js";
import { parseCode } from "../protocol/voucher-key.js";
import { verify } from "../verification.js";

const field = (id, label, input, hint) => h("p", {}, h("label", { for: id }, t(label)), input, hint && h("span.hint", {}, t(hint)));
const code = h("input", { id: "code", autocomplete: "off", spellcheck: "false" });
const certificate = h("input", { id: "certificate", type: "file", accept: "application/json,.json" });
const endpoints = h("textarea", { id: "endpoints", rows: "3", required: true, placeholder: "https://rpc.example", spellcheck: "false" });
const builtFor = embedded("pin"); // whoever builds this file names the registry; the reader may name another
const registry = h("input", { id: "registry", placeholder: "0x…", spellcheck: "false", value: builtFor?.registry });
const chain = h("input", { id: "chain", inputmode: "numeric", value: builtFor?.chainId });
const fault = h("p.fault", { role: "alert" });
const result = h("section", { "aria-live": "polite", "data-result": true });

function build() {
  document.title = `${t("verify.title")} · ${t("common.name")}`;
  const form = h(
    "form.card.ask",
    { onsubmit: submit },
    field("code", "standalone.code", code),
    field("certificate", "verify.certificate", certificate, "standalone.certificate.hint"),
    field("endpoints", "standalone.endpoints", endpoints, "standalone.endpoints.hint"),
    h("div.grid", {}, field("registry", "standalone.registry", registry), field("chain", "standalone.chain", chain)),
    h("p.hint", {}, t("standalone.pin.hint")),
    h("button.primary.big", { type: "submit" }, t("verify.check")),
    fault,
  );
  find("main").append(h("h1", {}, t("verify.title")), h("p.lead", {}, t("standalone.lead")), form, result);
}

async function submit(event) {
  event.preventDefault();
  fault.textContent = "";
  try {
    const document = await readCertificate();
    const shown = code.value.trim() ? parseCode(code.value) : subject(document);
    result.replaceChildren(workingCard());
    show(await verify(shown, { urls: readEndpoints(), pin: readPin(), document }));
  } catch (error) {
    if (!(error instanceof InvalidInput || error instanceof SyntaxError)) throw error;
    fault.textContent = t(`error.${error.code ?? "certificate.json"}`, error.values);
  }
}

function show(found) {
  const card = verdictCard(found, []);
  result.replaceChildren(...[card, voucherFacts(found), timeline(found.evidence), stepList(found.judgement)].filter(Boolean));
  find("h2", card).focus();
}

async function readCertificate() {
  if (!certificate.files.length) return null;
  const document = JSON.parse(await certificate.files[0].text());
  parseCertificate(document);
  return document;
}

function subject(document) {
  if (document === null) throw new InvalidInput("empty");
  const { batchId, index } = parseCertificate(document);
  return { batchId, index };
}

const readEndpoints = () => endpoints.value.split(/\s+/).filter(Boolean);

/** Null: the registry that the certificate names is read, and nothing is shown as genuine. */
function readPin() {
  if (!registry.value.trim()) return null;
  return { registry: parseAddress(registry.value.trim(), "registry"), chainId: Number(chain.value) };
}

build();
