// The portable proof of one voucher's origin: its parser (protocol.md, 6). Proves nothing yet.

import { InvalidInput, parseAddress, parseHex, parseInteger, parseObject } from "./bytes.js";
import { MAX_PROOF } from "./merkle.js";

const TYPE = "voucher-certificate/v1";
const BATCH = "batchId brand supplier root count expiresAt termsHash terms mintTransaction mintBlock".split(" ");
const VOUCHER = ["index", "claimAddress", "contentHash", "proof"];
const MAX_COUNT = 2 ** 32 - 1;

/** `{batch: facts, batchId, terms, mintTransaction, mintBlock, index, claimAddress, contentHash, proof}`, hex in lower case. */
export function parseCertificate(value) {
  const body = parseObject(value, ["type", "chainId", "registry", "batch", "voucher"], "certificate");
  if (body.type !== TYPE) throw new InvalidInput("certificate.type");
  const facts = parseObject(body.batch, BATCH, "batch");
  const voucher = parseObject(body.voucher, VOUCHER, "voucher");
  if (facts.terms === null || typeof facts.terms !== "object" || Array.isArray(facts.terms))
    throw new InvalidInput("terms.object");
  if (!Array.isArray(voucher.proof) || voucher.proof.length > MAX_PROOF) throw new InvalidInput("certificate.proof");
  return {
    batch: parseFacts(body, facts),
    batchId: parseHex(facts.batchId, 8, "batchId"),
    terms: facts.terms,
    mintTransaction: parseHex(facts.mintTransaction, 32, "mintTransaction"),
    mintBlock: parseInteger(facts.mintBlock, Number.MAX_SAFE_INTEGER, "mintBlock"),
    index: parseInteger(voucher.index, MAX_COUNT - 1, "index"),
    claimAddress: parseAddress(voucher.claimAddress, "claimAddress"),
    contentHash: parseHex(voucher.contentHash, 32, "contentHash"),
    proof: voucher.proof.map((node) => parseHex(node, 32, "proof")),
  };
}

function parseFacts(body, facts) {
  return {
    chainId: parseInteger(body.chainId, Number.MAX_SAFE_INTEGER, "chainId"),
    registry: parseAddress(body.registry, "registry"),
    brand: parseAddress(facts.brand, "brand"),
    supplier: parseAddress(facts.supplier, "supplier"),
    root: parseHex(facts.root, 32, "root"),
    count: parseInteger(facts.count, MAX_COUNT, "count", 1),
    expiresAt: parseInteger(facts.expiresAt, 2 ** 40 - 1, "expiresAt"),
    termsHash: parseHex(facts.termsHash, 32, "termsHash"),
  };
}
