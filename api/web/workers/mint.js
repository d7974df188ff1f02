// Draws a batch's secrets and makes everything of it: public leaves, sealed contents, signed Mint, key file, labels. Runs apart
// from the page, so that it stays usable; secrets go from here to the page's own files and nowhere else.

import { batchIdOf, hashTerms } from "../protocol/batch.js";
import { hex, integer } from "../protocol/bytes.js";
import * as fingerprint from "../protocol/fingerprint.js";
import { openKeystore } from "../protocol/keystore.js";
import { buildRoot } from "../protocol/merkle.js";
import { seal } from "../protocol/sealing.js";
import { publicLeaf, signStatement } from "../protocol/statements.js";
import { encodeKey, voucherId } from "../protocol/voucher-key.js";
import { labels } from "./labels.js";

const EVERY = 50; // vouchers between two reports
let kept = null; // the batch whose labels may still be asked for

onmessage = async ({ data }) => {
  try {
    if (data.type === "mint") postMessage({ type: "minted", ...(await mint(data)) });
    if (data.type === "labels") postMessage({ type: "labels", pdf: await labels(kept, data.words, report("labels", kept.vouchers.length)) });
  } catch (error) {
    postMessage({ type: "failed", code: error.code ?? null, values: error.values ?? {}, detail: String(error.message) });
  }
};

const report = (step, total) => (done) => done % EVERY === 0 && postMessage({ type: "progress", step, done, total });

/** `{signer: {keystore, passphrase}, domain, brand, terms, count, expiresAt, deadline, contents: [text]|null, baseUrl}` */
async function mint(order) {
  const privateKey = await openKeystore(order.signer.keystore, order.signer.passphrase);
  const supplier = fingerprint.addressOfKey(privateKey);
  const { vouchers, sealed } = await draw(order);
  const root = hex(buildRoot(vouchers.map((v, index) => fingerprint.leaf(index, v.address, v.contentHash))));
  const facts = { brand: order.brand, root, count: order.count, expiresAt: order.expiresAt, termsHash: hashTerms(order.terms) };
  const batchId = batchIdOf({ ...order.domain, ...facts, supplier });
  kept = { batchId, vouchers, baseUrl: order.baseUrl };
  return {
    batchId,
    supplier,
    statement: signStatement(privateKey, order.domain, "Mint", { ...facts, deadline: order.deadline }),
    leaves: new Blob(vouchers.map((v) => publicLeaf(v.address, v.contentHash))),
    sealed: order.contents ? new Blob(sealed.flatMap((body) => [integer(body.length, 4), body])) : null,
    keyFile: new Blob(keyLines(kept), { type: "text/csv" }),
  };
}

async function draw({ count, contents }) {
  const tell = report("keys", count);
  const vouchers = [];
  const sealed = [];
  for (let index = 0; index < count; index++) {
    const secret = fingerprint.freshSecret();
    const salt = fingerprint.contentSalt(secret);
    const content = contents ? contents[index] : null;
    vouchers.push({ secret, address: fingerprint.claimAddress(secret), contentHash: fingerprint.contentHash(salt, content) });
    if (contents) sealed.push(await seal(secret, index, salt, content));
    tell(index + 1);
  }
  return { vouchers, sealed };
}

/** The key file (protocol.md, 6), which is the vouchers themselves. */
function keyLines({ batchId, vouchers, baseUrl }) {
  const lines = vouchers.map(({ secret }, index) => {
    const id = voucherId({ batchId, index });
    const key = encodeKey({ batchId, index, secret });
    return `${id},${key},${baseUrl}/v/${id},${baseUrl}/v#${key.toUpperCase()}\n`;
  });
  return ["voucher_id,key,public_url,secret_url\n", ...lines];
}
