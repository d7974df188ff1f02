// What a batch is: the id that its facts give it, and the canonical form of its terms (protocol.md, 2; RFC 8785).

import { InvalidInput, hex, integer, keccak, right, unhex, utf8 } from "./bytes.js";

const MAX_TERMS_BYTES = 64 * 1024;

/** The first 8 bytes of keccak(abi.encode(…)): facts as in a certificate, addresses and hashes 0x-hex. */
export function batchIdOf({ chainId, registry, brand, supplier, root, count, expiresAt, termsHash }) {
  const addresses = [registry, brand, supplier].map((address) => right(unhex(address)));
  const rest = [unhex(root), integer(count), integer(expiresAt), unhex(termsHash)];
  return hex(keccak(integer(chainId), ...addresses, ...rest).subarray(0, 8));
}

/** RFC 8785: keys by UTF-16 code units, ECMAScript numbers. Throws InvalidInput for what has no exact JSON form. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.keys(value).sort().map((key) => `${canonical(key)}:${canonical(value[key])}`);
    return `{${members.join(",")}}`;
  }
  if (typeof value === "string" && !value.isWellFormed()) throw new InvalidInput("terms.text");
  if (typeof value === "number" && !exact(value)) throw new InvalidInput("terms.number");
  return JSON.stringify(value);
}

/** Integers beyond 2⁵³ are written without an exponent up to 10²¹, and there JSON readers disagree. */
const exact = (n) => Number.isFinite(n) && (!Number.isInteger(n) || Number.isSafeInteger(n) || Math.abs(n) >= 1e21);

/** 0x-hex of the terms' hash. Throws InvalidInput for anything but an object of at most 64 KB. */
export function hashTerms(terms) {
  if (terms === null || typeof terms !== "object" || Array.isArray(terms)) throw new InvalidInput("terms.object");
  const bytes = utf8(canonical(terms));
  if (bytes.length > MAX_TERMS_BYTES) throw new InvalidInput("terms.long");
  return hex(keccak(bytes));
}
