// Gathers evidence about one voucher, the certificate and the chain at the same time, and lets the judge judge. What the
// service says is believed only as far as the chain bears it out.

import { readAgreed } from "./chain/agreement.js";
import { InvalidInput } from "./protocol/bytes.js";
import { parseCertificate } from "./protocol/certificate.js";
import { claimAddress } from "./protocol/fingerprint.js";
import { isUnread, judge, unread } from "./protocol/verdict.js";
import { voucherId } from "./protocol/voucher-key.js";

/** Steps in which a certificate, and not the voucher, is at fault. */
const OF_THE_CERTIFICATE = [3, 4, 5];

/**
 * → {judgement, evidence, document}. `shown` is {batchId, index, secret?}; `document` is the holder's own certificate, or null where
 * there is none to be had; without it the service's is fetched. Without `pin` the registry that the holder's certificate names is
 * read, and the verdict is never good.
 */
export async function verify(shown, { urls, pin, document: own }) {
  const registry = pin ?? registryOf(own);
  const reading = registry ? readAgreed(urls, registry, shown) : unread("registry.unnamed");
  const fetched = own === undefined ? fetchCertificate(shown) : own;
  const keyAddress = shown.secret ? claimAddress(shown.secret) : null; // while both requests are under way
  const [chain, document] = await Promise.all([reading, fetched]);
  const { batchId, index } = shown;
  const readAt = Math.floor(Date.now() / 1000);
  const evidence = { voucherId: { batchId, index }, keyAddress, certificate: parsed(document), pin, chain, readAt };
  const judgement = judge(evidence);
  if (own !== undefined || !blamesCertificate(judgement)) return { judgement, evidence, document: kept(document) };
  // The service's word against the chain: that proves the service wrong, not the voucher.
  const nowhere = !isUnread(chain) && chain.batch === null;
  const doubted = { ...evidence, certificate: nowhere ? null : unread("certificate.not_borne_out") };
  return { judgement: judge(doubted), evidence: doubted, document: null };
}

function blamesCertificate({ verdict, steps }) {
  return verdict === "forged" && steps.some((s) => s.outcome === "false" && OF_THE_CERTIFICATE.includes(s.number));
}

/** The service's certificate as it came, unread, or null where it knows no such voucher. */
async function fetchCertificate(shown) {
  try {
    const response = await fetch(`/v1/vouchers/${voucherId(shown)}/certificate`, { referrerPolicy: "no-referrer" });
    if (response.status === 404) return (await response.json()).code === "unknown_voucher" ? null : unread("certificate.waits");
    return response.ok ? await response.json() : unread("certificate.dead");
  } catch {
    return unread("certificate.dead");
  }
}

function parsed(document) {
  if (document === null || isUnread(document)) return document;
  try {
    return parseCertificate(document);
  } catch (error) {
    if (error instanceof InvalidInput) return unread("certificate.malformed");
    throw error;
  }
}

const kept = (document) => (document === null || isUnread(document) ? null : document);

function registryOf(document) {
  if (!document || isUnread(document)) return null;
  const { chainId, registry } = parseCertificate(document).batch;
  return { chainId, registry };
}
