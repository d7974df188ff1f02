// The judge: evidence in, verdict with its reasons out. Pure; who gathered the evidence is not its business (protocol.md, 7).
//
//  1 the key parses                          5 batch id and terms hash recompute
//  2 the key belongs to the voucher          6 the brand is admitted, the supplier was authorised
//  3 leaf and proof give the root            7 status from the chain
//  4 the registry holds that batch           8 how settled that is
//
// A step that could not be read is `unread`: the verdict is then undetermined, never forged and never genuine. The same
// judge in Python is provenance/core/verdict.py with steps.py; tests/web holds both to one list of cases.
//
// evidence = { voucherId: {batchId, index}, keyAddress|null, certificate|unread|null (nobody knows one), pin: {chainId, registry}|null,
//              chain: {source, head: {number, hash, timestamp}, batch|null, brand|null, voucher|null,
//                      history: [{kind, party, block, timestamp, transaction}]|unread, tier|unread}|unread,
//              readAt: the reader's own clock, Unix seconds }

import { InvalidInput, hex, unhex } from "./bytes.js";
import { batchIdOf, hashTerms } from "./batch.js";
import { leaf } from "./fingerprint.js";
import { rootFrom } from "./merkle.js";
import { voucherId } from "./voucher-key.js";

/** A value that could not be read, never the same as absent: `code` and `values` name the message. */
export const unread = (code, values = {}) => ({ unread: code, values });
export const isUnread = (value) => value !== null && typeof value === "object" && "unread" in value;

/** Of a certificate: unread, or null where nobody knows one. */
export const isMissing = (certificate) => certificate === null || isUnread(certificate);

const step = (number, name, outcome, message, values, source) => ({ number, name, outcome, message, values, source });
const unreadStep = (number, name, why, source) => step(number, name, "unread", why.unread, why.values, source);

/** → {verdict, reason: {message, values}, keyStanding, steps, voucher, block, tier, redemption, expiredBy} */
export function judge(evidence) {
  const keyStanding = standing(evidence);
  const steps = [
    keyReads(evidence),
    keyBelongs(evidence, keyStanding),
    proofLeadsToRoot(evidence),
    registryHoldsBatch(evidence),
    batchNamesItself(evidence),
    authorised(evidence),
    statusRead(evidence),
    settled(evidence),
  ];
  const { verdict, reason } = conclude(evidence, steps);
  const chain = isUnread(evidence.chain) ? null : evidence.chain;
  return {
    verdict,
    reason,
    keyStanding,
    steps,
    voucher: chain?.voucher ?? null,
    block: chain?.head ?? null,
    tier: chain && !isUnread(chain.tier) ? chain.tier : null,
    redemption: verdict === "redeemed" ? last(chain, "redeemed") : null,
    expiredBy: verdict === "expired" ? expiredBy(evidence) : null,
  };
}

function keyReads({ keyAddress, voucherId: id }) { // (1) a public id has no checksum
  return step(1, "key", "proved", keyAddress === null ? "step.key.public" : "step.key.proved", { id: voucherId(id) }, "code");
}

/** The voucher can be redeemed or claimed by somebody. */
export const isGood = ({ verdict, keyStanding }) => ["sealed", "held"].includes(verdict) && keyStanding !== "former";

function conclude(evidence, steps) {
  const wrong = steps.find((s) => s.outcome === "false");
  if (wrong) return { verdict: "forged", reason: wrong };
  const missing = steps.find((s) => s.outcome === "unread" && s.number !== 8);
  if (missing) return { verdict: "undetermined", reason: missing };
  const verdict = status(evidence);
  // Anybody can deploy a registry, mint into it and write a certificate that names it.
  if (evidence.pin === null && ["sealed", "held"].includes(verdict))
    return { verdict: "consistent", reason: { message: "reason.consistent", values: { ...evidence.certificate.batch } } };
  return { verdict, reason: { message: `reason.${verdict}`, values: {} } };
}

/**
 * Whose clock is past the expiry: the chain's or the reader's. A chain that mines only when asked is behind the clock on the
 * wall; the contract goes by the block that a redemption would be in.
 */
function expiredBy({ chain: { head, batch }, readAt }) {
  if (head.timestamp > batch.expiresAt) return "chain";
  return readAt > batch.expiresAt ? "reader" : null;
}

/** What ends a voucher for good comes before what can pass. */
function status(evidence) {
  const { voucher, batch, brand } = evidence.chain;
  if (voucher.state === "redeemed" || voucher.state === "revoked") return voucher.state;
  if (expiredBy(evidence)) return "expired";
  if (batch.suspended || !brand.admitted) return "suspended";
  return voucher.state;
}

/** What the shown key is to the voucher: not_shown, printed, current, former, foreign or unknown. */
function standing({ keyAddress: key, certificate, chain }) {
  if (key === null) return "not_shown";
  if (isUnread(chain) || chain.voucher === null) return "unknown";
  const claim = isMissing(certificate) ? null : certificate.claimAddress;
  if (chain.voucher.holder === key) return "current";
  if (chain.voucher.holder === null) return claim === null ? "unknown" : claim === key ? "printed" : "foreign";
  if (claim === key) return "former";
  if (isUnread(chain.history) || claim === null) return "unknown";
  return chain.history.some((h) => h.kind === "transferred" && h.party === key) ? "former" : "foreign";
}

function keyBelongs({ keyAddress, certificate }, keyStanding) { // (2)
  const outcomes = { not_shown: "skipped", printed: "proved", current: "proved", former: "proved", foreign: "false" };
  const printed = keyStanding === "unknown" && !isMissing(certificate) && certificate.claimAddress === keyAddress;
  const message = printed ? "step.claim.printed_unread" : `step.claim.${keyStanding}`;
  return step(2, "claim address", printed ? "proved" : (outcomes[keyStanding] ?? "unread"), message, {}, "certificate");
}

function proofLeadsToRoot({ certificate, voucherId: id }) { // (3)
  if (isMissing(certificate)) return unreadStep(3, "proof", whyMissing(certificate), "certificate");
  const say = (outcome, message, values = {}) => step(3, "proof", outcome, message, values, "certificate");
  if (certificate.batchId !== id.batchId || certificate.index !== id.index)
    return say("false", "step.proof.other", { named: voucherId(certificate), shown: voucherId(id) });
  const node = leaf(certificate.index, certificate.claimAddress, certificate.contentHash);
  const root = hex(rootFrom(node, certificate.proof.map(unhex)));
  if (root !== certificate.batch.root) return say("false", "step.proof.false");
  return say("proved", "step.proof.proved", { hashes: certificate.proof.length, root });
}

function registryHoldsBatch(evidence) { // (4)
  const source = isUnread(evidence.chain) ? "chain" : evidence.chain.source;
  const [outcome, message, values = {}] = compareRegistry(evidence);
  return step(4, "registry", outcome, message, values, source);
}

function compareRegistry({ certificate, chain, pin, voucherId: id }) {
  if (isMissing(certificate)) return withoutCertificate(certificate, chain, id.index);
  const named = certificate.batch;
  if (pin && (named.chainId !== pin.chainId || named.registry !== pin.registry))
    return ["false", "step.registry.other", { named: named.registry, namedChain: named.chainId, ...pin }];
  if (isUnread(chain)) return ["unread", chain.unread, chain.values];
  if (chain.batch === null) return batchAbsent(certificate, chain);
  const facts = ["root", "count", "termsHash", "brand", "supplier", "expiresAt"];
  const differing = facts.find((fact) => certificate.batch[fact] !== chain.batch[fact]);
  if (differing) return ["false", "step.registry.differs", { fact: differing }];
  if (certificate.index >= chain.batch.count)
    return ["false", "step.registry.index", { index: certificate.index, count: chain.batch.count }];
  return ["proved", pin ? "step.registry.proved" : "step.registry.unpinned", { count: chain.batch.count }];
}

/**
 * The registry says that the batch has no such index, or that there is no such batch; the latter counts where no keeper of
 * certificates says that the batch still waits for the chain, or could not be asked.
 */
function withoutCertificate(certificate, chain, index) {
  if (!isUnread(chain)) {
    if (chain.batch === null && certificate === null) return ["false", "step.registry.absent"];
    if (chain.batch !== null && index >= chain.batch.count)
      return ["false", "step.registry.index", { index, count: chain.batch.count }];
  }
  const { unread: code, values } = whyMissing(certificate);
  return ["unread", code, values];
}

const whyMissing = (certificate) => certificate ?? unread("certificate.unknown");

/** An endpoint that has not come as far as the mint cannot say that there was none. */
function batchAbsent({ mintBlock }, { head }) {
  if (head.number < mintBlock) return ["unread", "step.registry.behind", { head: head.number, mintBlock }];
  return ["false", "step.registry.absent"];
}

function batchNamesItself({ certificate }) { // (5)
  if (isMissing(certificate)) return unreadStep(5, "batch id", whyMissing(certificate), "certificate");
  const say = (outcome, message) => step(5, "batch id", outcome, message, {}, "certificate");
  if (batchIdOf(certificate.batch) !== certificate.batchId) return say("false", "step.batch.false");
  if (termsHash(certificate.terms) !== certificate.batch.termsHash) return say("false", "step.batch.terms");
  return say("proved", "step.batch.proved");
}

function termsHash(terms) {
  try {
    return hashTerms(terms);
  } catch (error) {
    if (error instanceof InvalidInput || error instanceof RangeError) return null; // RangeError: nested too deep
    throw error;
  }
}

function authorised({ chain }) { // (6)
  if (isUnread(chain)) return unreadStep(6, "authorisation", chain, "chain");
  if (chain.batch === null || chain.brand === null)
    return step(6, "authorisation", "unread", "step.authorised.unread", {}, chain.source);
  const message = chain.brand.admitted ? "step.authorised.admitted" : "step.authorised.suspended";
  return step(6, "authorisation", "proved", message, { brand: chain.brand.name }, chain.source);
}

function statusRead({ chain }) { // (7)
  if (isUnread(chain)) return unreadStep(7, "status", chain, "chain");
  if (chain.voucher === null) return step(7, "status", "unread", "step.status.unknown", {}, chain.source);
  const values = { nonce: chain.voucher.nonce, block: chain.head.number };
  return step(7, "status", "proved", `step.status.${chain.voucher.state}`, values, chain.source);
}

function settled({ chain }) { // (8)
  if (isUnread(chain)) return unreadStep(8, "finality", chain, "chain");
  if (isUnread(chain.tier)) return unreadStep(8, "finality", chain.tier, chain.source);
  return step(8, "finality", "proved", `step.settled.${chain.tier}`, { block: chain.head.number }, chain.source);
}

function last(chain, kind) {
  return chain && !isUnread(chain.history) ? (chain.history.findLast((h) => h.kind === kind) ?? null) : null;
}
