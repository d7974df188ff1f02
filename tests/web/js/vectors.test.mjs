// The browser's protocol code against vectors that it did not make (viem, @noble/curves, @scure/base, OpenZeppelin).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { InvalidInput, hex, unhex } from "../../../api/web/protocol/bytes.js";
import { batchIdOf, canonical, hashTerms } from "../../../api/web/protocol/batch.js";
import * as fingerprint from "../../../api/web/protocol/fingerprint.js";
import { buildRoot, rootFrom } from "../../../api/web/protocol/merkle.js";
import { openSealed, seal } from "../../../api/web/protocol/sealing.js";
import { digest, signStatement } from "../../../api/web/protocol/statements.js";
import { encodeKey, parseCode, parseKey } from "../../../api/web/protocol/voucher-key.js";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/protocol-v1.json", import.meta.url), "utf8"));
const claims = vectors.batches.flatMap((batch) => batch.vouchers.map((voucher) => ({ batch, voucher })));

test("terms have the canonical form", () => {
  assert.equal(canonical(vectors.terms), vectors.termsCanonical);
  assert.equal(hashTerms(vectors.terms), vectors.termsHash);
});

test("a batch id follows from its facts", () => {
  for (const batch of vectors.batches) assert.equal(batchIdOf(batch), batch.batchId);
});

test("a voucher follows from its secret", async () => {
  for (const { batch, voucher } of claims) {
    const secret = unhex(voucher.secret);
    const salt = fingerprint.contentSalt(secret);
    assert.equal(hex(fingerprint.claimPrivateKey(secret)), voucher.claimPrivateKey);
    assert.equal(fingerprint.claimAddress(secret), voucher.claimAddress.toLowerCase());
    assert.equal(hex(fingerprint.contentKey(secret)), voucher.contentKey);
    assert.equal(hex(salt), voucher.contentSalt);
    assert.equal(fingerprint.contentHash(salt, voucher.content), voucher.contentHash);
    const leaf = fingerprint.leaf(voucher.index, voucher.claimAddress, voucher.contentHash);
    assert.equal(hex(leaf), voucher.leaf);
    assert.equal(hex(rootFrom(leaf, voucher.proof.map(unhex))), batch.root);
  }
});

test("a whole batch gives its root", () => {
  for (const batch of vectors.batches.filter((b) => b.vouchers.length === b.count))
    assert.equal(hex(buildRoot(batch.vouchers.map((v) => unhex(v.leaf)))), batch.root);
});

test("a voucher key is the one that is pinned, in either case and with spaces", () => {
  for (const { batch, voucher } of claims) {
    const key = { batchId: batch.batchId, index: voucher.index, secret: unhex(voucher.secret) };
    assert.equal(encodeKey(key), voucher.voucherKey);
    for (const text of [voucher.voucherKey, voucher.voucherKey.toUpperCase().replace(/(.{5})/g, "$1 ")])
      assert.deepEqual(parseKey(text), key);
    assert.deepEqual(parseCode(`https://host/v#${voucher.voucherKey.toUpperCase()}`), key);
    const { secret: _, ...id } = key;
    assert.deepEqual(parseCode(`https://host/v/${batch.batchId.slice(2)}-${voucher.index}`), id);
  }
});

test("a single wrong character is pointed at, never corrected", () => {
  const key = claims[0].voucher.voucherKey;
  for (let at = 3; at < key.length; at++) {
    const wrong = key.slice(0, at) + (key[at] === "q" ? "p" : "q") + key.slice(at + 1);
    assert.throws(() => parseKey(wrong), (e) => e instanceof InvalidInput && e.values.position === at + 1);
  }
});

test("sealed content opens and seals again to the same bytes", async () => {
  for (const { voucher } of claims.filter((c) => c.voucher.content !== null)) {
    const secret = unhex(voucher.secret);
    const opened = await openSealed(secret, voucher.index, unhex(voucher.sealedContent), voucher.contentHash);
    assert.equal(opened.content, voucher.content);
    assert.equal(hex(await seal(secret, voucher.index, opened.salt, opened.content)), voucher.sealedContent);
    const other = unhex(voucher.secret).map((b) => b ^ 1);
    await assert.rejects(openSealed(other, voucher.index, unhex(voucher.sealedContent), voucher.contentHash), InvalidInput);
  }
});

test("statements have the pinned digests and signatures", () => {
  for (const batch of vectors.batches)
    for (const kind of ["mint", "transfer", "redeem"]) {
      const { primaryType, message, digest: pinned, r, vs } = batch[kind];
      assert.equal(hex(digest(batch, primaryType, message)), pinned);
      const key = kind === "mint" ? vectors.supplierPrivateKey : claimKey(batch, message.index);
      assert.deepEqual(signStatement(unhex(key), batch, primaryType, message).signature, { r, vs });
    }
});

function claimKey(batch, index) {
  return batch.vouchers.find((voucher) => voucher.index === index).claimPrivateKey;
}

test("what JSON readers read differently has no canonical form", () => {
  for (const terms of [{ n: 2 ** 60 }, { t: "\ud800" }, [], null]) assert.throws(() => hashTerms(terms), InvalidInput);
});

const typed = JSON.parse(readFileSync(new URL("../../vectors/typed-codes.json", import.meta.url), "utf8"));

for (const { name, typed: text, reads, fault, position } of typed.cases)
  test(`what people type: ${name}`, () => {
    if (reads) return assert.deepEqual(parseCode(text), parseCode(typed[reads]));
    const codes = { empty: ["empty"], several: ["key.several", "voucher.several"] }[fault] ?? [`key.${fault}`];
    assert.throws(() => parseCode(text), (error) => {
      assert.ok(error instanceof InvalidInput && codes.includes(error.code), `${error.code} ${error.message}`);
      assert.equal(error.values.position, position === undefined ? undefined : position + 1);
      return true;
    });
  });
