// The voucher key that is printed and scanned, and the public id (protocol.md, 2 and 3; BIP-350).

import { InvalidInput, concat, hex, integer, unhex } from "./bytes.js";
import { idsIn, keysIn, keyStart } from "./typed.js";

export const KEY_LENGTH = 55;
const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const BECH32M = 0x2bc830a3;
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const PREFIX_SYMBOLS = [3, 3, 0, 22, 16]; // "vp", expanded as BIP-173 does
const MAX_INDEX = 2 ** 32 - 2;

/** BIP-173's checksum polynomial over 5-bit symbols. */
function polymod(symbols) {
  let checksum = 1;
  for (const symbol of symbols) {
    const top = checksum >>> 25;
    checksum = ((checksum & 0x1ffffff) << 5) ^ symbol;
    GENERATORS.forEach((generator, i) => (checksum ^= (top >>> i) & 1 ? generator : 0));
  }
  return checksum >>> 0;
}

/** `{batchId: 0x-hex, index, secret: 16 bytes}` as 55 lower-case characters. */
export function encodeKey({ batchId, index, secret }) {
  let number = BigInt(hex(concat(unhex(batchId), integer(index, 4), secret))) << 1n;
  const symbols = [0];
  for (let shift = 220n; shift >= 0n; shift -= 5n) symbols.push(Number((number >> shift) & 31n));
  const sum = (polymod([...PREFIX_SYMBOLS, ...symbols, 0, 0, 0, 0, 0, 0]) ^ BECH32M) >>> 0;
  for (let i = 5; i >= 0; i--) symbols.push((sum >>> (5 * i)) & 31);
  return "vp1" + symbols.map((s) => ALPHABET[s]).join("");
}

/**
 * Reads a key out of what was typed or pasted (see typed.js), in either case, with or without something around it. Throws
 * InvalidInput, whose `values.position` counts from 1; never corrects.
 */
export function parseKey(text) {
  const candidates = keysIn(text);
  const found = new Map(candidates.map(readOrNull).filter(Boolean).map((key) => [encodeKey(key), key]));
  if (found.size > 1) throw new InvalidInput("key.several", { count: found.size });
  if (found.size === 1) return [...found.values()][0];
  return read(candidates[0] ?? keyStart(text));
}

function readOrNull(characters) {
  try {
    return read(characters);
  } catch (error) {
    if (error instanceof InvalidInput) return null;
    throw error;
  }
}

/** From the key's own [character, place] pairs. */
function read(characters) {
  const word = characters.map(([c]) => c).join("");
  checkShape(characters.map(([c, place]) => [c.toLowerCase(), place + 1]));
  const symbols = [...word.toLowerCase().slice(3)].map((c) => ALPHABET.indexOf(c));
  checkSum(symbols, characters);
  if (word !== word.toLowerCase() && word !== word.toUpperCase()) throw new InvalidInput("key.case"); // where only that is wrong
  if (symbols[0] !== 0) throw new InvalidInput("key.version", { version: symbols[0] });
  const number = symbols.slice(1, -6).reduce((n, s) => (n << 5n) | BigInt(s), 0n);
  if (number & 1n) throw new InvalidInput("key.padding");
  const payload = integer(number >> 1n, 28);
  const index = Number(BigInt(hex(payload.subarray(8, 12))));
  return { batchId: hex(payload.subarray(0, 8)), index, secret: payload.slice(12) };
}

function checkShape(characters) {
  if (!characters.length) throw new InvalidInput("empty");
  if (characters.slice(0, 3).map(([c]) => c).join("") !== "vp1") throw new InvalidInput("key.prefix");
  for (const [character, position] of characters.slice(3))
    if (!ALPHABET.includes(character)) throw new InvalidInput("key.character", { position });
  if (characters.length !== KEY_LENGTH) throw new InvalidInput("key.length", { length: characters.length });
}

/** Points at a single wrong character (the code's distance makes it unique); never says what it should be. */
function checkSum(symbols, characters) {
  const word = [...PREFIX_SYMBOLS, ...symbols];
  if (polymod(word) === BECH32M) return;
  for (let at = PREFIX_SYMBOLS.length; at < word.length; at++)
    for (let error = 1; error < 32; error++) {
      word[at] ^= error;
      const fits = polymod(word) === BECH32M;
      word[at] ^= error;
      if (fits) throw new InvalidInput("key.suspect", { position: characters[at - PREFIX_SYMBOLS.length + 3][1] + 1 });
    }
  throw new InvalidInput("key.checksum");
}

/** `<batchId as 16 hex digits>-<index>`. */
export const voucherId = ({ batchId, index }) => `${batchId.slice(2)}-${index}`;

/** `{batchId, index}` from the canonical public id. Throws InvalidInput. */
export function parseVoucherId(text) {
  const match = /^([0-9a-f]{16})-(0|[1-9][0-9]{0,9})$/.exec(text);
  if (!match || Number(match[2]) > MAX_INDEX) throw new InvalidInput("voucher.id");
  return { batchId: "0x" + match[1], index: Number(match[2]) };
}

/**
 * A voucher's key or its public id, out of a key, a link, a saved file or a line with something around it:
 * `{batchId, index, secret?}`. Throws InvalidInput where there is none, or more than one.
 */
export function parseCode(text) {
  const ids = new Set(idsIn(text));
  if (keysIn(text).length || !ids.size) return parseKey(text);
  if (ids.size > 1) throw new InvalidInput("voucher.several", { count: ids.size });
  return parseVoucherId([...ids][0]);
}
