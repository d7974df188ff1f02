// What the voucher is and who stands behind it: terms from the proved certificate, parties from the chain.

import { checksummed } from "../protocol/bytes.js";
import { isMissing, isUnread } from "../protocol/verdict.js";
import { voucherId } from "../protocol/voucher-key.js";
import { h } from "./dom.js";
import { money, number, t, time } from "./texts.js";

const KNOWN = ["product", "brand", "faceValue"];

/** A card of facts; null where nothing could be read. */
export function voucherFacts({ evidence, judgement }) {
  const { certificate, chain } = evidence;
  const rows = [
    fact("voucher.id", code(voucherId(evidence.voucherId))),
    ...(isMissing(certificate) ? [] : termsRows(certificate.terms)),
    ...(isUnread(chain) || chain.batch === null ? [] : chainRows(chain)),
    judgement.voucher?.holder && fact("voucher.holder", code(checksummed(judgement.voucher.holder))),
  ];
  return h("section.card", {}, h("h2", {}, t("voucher.title")), h("dl.facts", {}, rows));
}

const fact = (name, ...value) => h("div", {}, h("dt", {}, t(name)), h("dd", {}, value));
const code = (text) => h("code.wrap", {}, text);

function termsRows(terms) {
  const rest = Object.entries(terms).filter(([name]) => !KNOWN.includes(name));
  return [
    typeof terms.product === "string" && fact("terms.product", terms.product),
    money(terms.faceValue) && fact("terms.faceValue", money(terms.faceValue)),
    ...rest.map(([name, value]) => h("div", {}, h("dt", {}, termName(name)), h("dd", {}, termText(value)))),
  ];
}

/** Terms are the supplier's own JSON: names without a translation are shown as they are. */
function termName(name) {
  const known = t(`terms.${name}`);
  return known === `terms.${name}` ? name : known;
}

function termText(value) {
  if (value === true || value === false) return t(value ? "common.yes" : "common.no");
  if (Array.isArray(value)) return value.map(termText).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function chainRows({ batch, brand, authorization }) {
  return [
    fact("voucher.brand", brand.name, " ", badge(brand.admitted ? "voucher.brand.admitted" : "voucher.brand.suspended"), code(checksummed(batch.brand))),
    fact("voucher.supplier", authorised(authorization), code(checksummed(batch.supplier))),
    fact("voucher.expires", time(batch.expiresAt)),
    fact("voucher.batch", t("voucher.batch.size", { count: number(batch.count) })),
  ];
}

const badge = (name) => h("span.badge", {}, t(name));

/** The registry mints for authorised suppliers alone; what is left of the authorisation is news, not a condition. */
function authorised({ quota, until }) {
  const open = until * 1000 > Date.now();
  const values = { until: time(until), quota: number(quota) };
  return h("span", {}, t("voucher.supplier.authorised"), " ", t(open ? "voucher.supplier.open" : "voucher.supplier.closed", values));
}
