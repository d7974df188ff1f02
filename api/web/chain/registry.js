// The registry's views and events as calls and decoders, by hand from contracts/IVoucherRegistry.sol. Sends nothing.

import { hex, integer, keccak, left, right, unhex, utf8 } from "../protocol/bytes.js";
import { Unreadable } from "./rpc.js";

const STATES = [null, "sealed", "held", "redeemed", "revoked"];
const topic = (signature) => hex(keccak(utf8(signature)));
const EVENTS = new Map([
  [topic("Transferred(bytes8,uint32,address)"), "transferred"],
  [topic("Redeemed(bytes8,uint32,address)"), "redeemed"],
  [topic("Revoked(bytes8,uint32,address)"), "revoked"],
]);

function call(signature, ...words) {
  return topic(signature).slice(0, 10) + words.map((word) => hex(word).slice(2)).join("");
}

export const batchOf = (batchId) => call("batchOf(bytes8)", left(unhex(batchId)));
export const brandOf = (brand) => call("brandOf(address)", right(unhex(brand)));
export const voucherOf = ({ batchId, index }) =>
  call("voucherOf(bytes8,uint32)", left(unhex(batchId)), integer(index));
export const supplierAuthorization = (brand, supplier) =>
  call("supplierAuthorization(address,address)", right(unhex(brand)), right(unhex(supplier)));

/** eth_getLogs' filter for one voucher's events, in blocks first … last. */
export function logsOf(registry, { batchId, index }, first, last) {
  const topics = [null, hex(left(unhex(batchId))), hex(integer(index))];
  return { address: registry, fromBlock: first, toBlock: last, topics };
}

/** The 32-byte words of an answer, at least `least`. An empty one means that there is no registry: never read as "no". */
function words(url, data, least) {
  if (data === "0x") throw new Unreadable("rpc.no_registry", { url });
  const good = typeof data === "string" && /^0x([0-9a-f]{64})+$/i.test(data) && data.length >= 2 + 64 * least;
  if (!good) throw new Unreadable("rpc.shape", { url });
  return data.slice(2).toLowerCase().match(/.{64}/g);
}

const address = (word) => "0x" + word.slice(24);
const number = (word) => Number(BigInt("0x" + word));

/** → facts, or null: read, and not there. */
export function decodeBatch(url, data) {
  const [root, brand, count, expiresAt, suspended, supplier, , termsHash] = words(url, data, 8);
  if (number(count) === 0) return null;
  return {
    brand: address(brand),
    supplier: address(supplier),
    root: "0x" + root,
    count: number(count),
    expiresAt: number(expiresAt),
    termsHash: "0x" + termsHash,
    suspended: number(suspended) === 1,
  };
}

/** → {state, holder|null, nonce}, or null for an unknown batch or index. */
export function decodeVoucher(url, data) {
  const [state, holder, nonce] = words(url, data, 8);
  const name = STATES[number(state)];
  if (name === undefined) throw new Unreadable("rpc.shape", { url });
  if (name === null) return null;
  return { state: name, holder: number(holder) === 0 ? null : address(holder), nonce: number(nonce) };
}

/** → {admitted, name, url}: a struct with two strings, behind its offset. */
export function decodeBrand(url, data) {
  const all = words(url, data, 5);
  const text = (offset) => {
    const start = 1 + offset / 32;
    const size = number(all[start] ?? "0");
    const bytes = unhex("0x" + all.slice(start + 1, start + 1 + Math.ceil(size / 32)).join("")).subarray(0, size);
    return new TextDecoder().decode(bytes);
  };
  return { admitted: number(all[1]) === 1, name: text(number(all[2])), url: text(number(all[3])) };
}

export function decodeAuthorization(url, data) {
  const [quota, until] = words(url, data, 2);
  return { quota: number(quota), until: number(until) };
}

/** A log as {kind, party, block, timestamp|null, transaction}, or null for an event of another kind. */
export function decodeLog(url, log) {
  const kind = EVENTS.get(log?.topics?.[0]);
  if (!kind) return null;
  if (log.topics.length !== 4) throw new Unreadable("rpc.shape", { url });
  const timestamp = log.blockTimestamp ? Number(log.blockTimestamp) : null;
  return {
    kind,
    party: address(log.topics[3].slice(2).toLowerCase()),
    block: Number(log.blockNumber),
    timestamp,
    transaction: log.transactionHash,
    position: Number(log.logIndex),
  };
}
