// Bytes, hex, addresses and keccak as the protocol writes them (protocol.md, 6); knows nothing of vouchers.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

export { utf8ToBytes as utf8 };

/** What a person or a server sent can never be right. `code` and `values` name the message to show. */
export class InvalidInput extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

/**
 * The browser's own ciphers. It keeps them from pages that came over plain HTTP, other than from the machine itself. Throws
 * InvalidInput.
 */
export function ciphers() {
  if (!globalThis.crypto?.subtle) throw new InvalidInput("insecure");
  return crypto.subtle;
}

export const ZERO_HASH = "0x" + "00".repeat(32);

/** Lower-case 0x-hex of bytes. */
export const hex = (bytes) => "0x" + bytesToHex(bytes);

/** Bytes of 0x-hex. */
export const unhex = (text) => hexToBytes(text.slice(2));

export const concat = concatBytes;

/** keccak-256 (Ethereum's, not SHA3-256) of the joined parts: 32 bytes. */
export const keccak = (...parts) => keccak_256(concatBytes(...parts));

/** The `size` low bytes of a number or bigint, big-endian. */
export function integer(value, size = 32) {
  return hexToBytes(BigInt(value).toString(16).padStart(2 * size, "0"));
}

/** A short byte string in a 32-byte word: addresses and integers on the right, bytesN on the left. */
export const right = (bytes) => concatBytes(new Uint8Array(32 - bytes.length), bytes);
export const left = (bytes) => concatBytes(bytes, new Uint8Array(32 - bytes.length));

/** EIP-55 form of an address in any case. */
export function checksummed(address) {
  const digits = address.slice(2).toLowerCase();
  const hash = bytesToHex(keccak_256(utf8ToBytes(digits)));
  return "0x" + [...digits].map((c, i) => (parseInt(hash[i], 16) > 7 ? c.toUpperCase() : c)).join("");
}

/** 0x-hex of exactly `size` bytes, in lower case. Throws InvalidInput that names the field. */
export function parseHex(value, size, field) {
  if (typeof value !== "string" || !/^0x([0-9a-fA-F]{2})*$/.test(value) || value.length !== 2 + 2 * size)
    throw new InvalidInput("input.hex", { field, size });
  return value.toLowerCase();
}

/** An address in any case, to lower case. A mixed-case one whose checksum is wrong has a typing error. */
export function parseAddress(value, field) {
  const address = parseHex(value, 20, field);
  const digits = value.slice(2);
  const mixed = digits !== digits.toLowerCase() && digits !== digits.toUpperCase();
  if (mixed && value !== checksummed(address)) throw new InvalidInput("input.checksum", { field });
  return address;
}

export function parseInteger(value, limit, field, least = 0) {
  if (!Number.isInteger(value) || value < least || value > limit) throw new InvalidInput("input.integer", { field });
  return value;
}

/** A JSON object with exactly these fields. */
export function parseObject(value, fields, field) {
  const plain = value !== null && typeof value === "object" && !Array.isArray(value);
  if (!plain) throw new InvalidInput("input.object", { field });
  const odd = [...Object.keys(value).filter((k) => !fields.includes(k)), ...fields.filter((k) => !Object.hasOwn(value, k))];
  if (odd.length) throw new InvalidInput("input.fields", { field, names: odd.slice(0, 5).join(", ") });
  return value;
}
