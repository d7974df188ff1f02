// What one endpoint says about one voucher, at one block: two batches of calls, the second only for what depends on the
// first. Judges nothing.

import { unread } from "../protocol/verdict.js";
import { Unreadable, batch, quantity, sure } from "./rpc.js";
import * as registry from "./registry.js";

const ATTEMPTS = 3;

/**
 * → {source, head, batch, brand, voucher, history, tier, authorization} for judge, or unread. `pin` is {chainId, registry, since?: the
 * registry's block}; `at` asks at one block number instead of the latest.
 */
export async function readVoucher(url, pin, voucher, at = null) {
  try {
    for (let attempt = 1; ; attempt++) {
      const first = await readHead(url, pin, voucher, at);
      if (first !== null) return await readRest(url, pin, voucher, first);
      if (attempt === ATTEMPTS) return unread("rpc.moving", { url });
    }
  } catch (error) {
    if (error instanceof Unreadable) return unread(error.code, error.values);
    throw error;
  }
}

/** All facts that need no others, in one batch. Null where the head moved meanwhile: then they may be of two blocks. */
async function readHead(url, pin, voucher, at) {
  const tag = at === null ? "latest" : "0x" + at.toString(16);
  const call = (data, block) => ["eth_call", [{ to: pin.registry, data }, block]];
  const block = (name) => ["eth_getBlockByNumber", [name, false]];
  const state = registry.voucherOf(voucher);
  const calls = [
    ["eth_chainId", []],
    block(tag),
    call(registry.batchOf(voucher.batchId), tag),
    call(state, tag),
    call(state, "safe"),
    call(state, "finalized"),
    block(tag),
  ];
  const [chainId, before, facts, latest, safe, finalized, after] = await batch(url, calls);
  const served = quantity(url, sure(chainId));
  if (served !== pin.chainId) throw new Unreadable("rpc.chain", { url, served, wanted: pin.chainId });
  const head = decodeHead(url, sure(before));
  if (head.hash !== sure(after)?.hash) return null;
  return {
    head,
    batch: registry.decodeBatch(url, sure(facts)),
    voucher: registry.decodeVoucher(url, sure(latest)),
    tier: settledAt(url, sure(latest), { safe, finalized }),
  };
}

function decodeHead(url, block) {
  if (block === null || !/^0x[0-9a-f]{64}$/i.test(block?.hash)) throw new Unreadable("rpc.shape", { url });
  return { number: quantity(url, block.number), hash: block.hash.toLowerCase(), timestamp: quantity(url, block.timestamp) };
}

/** The highest tier at which the voucher stands as it does at the head. */
function settledAt(url, latest, { safe, finalized }) {
  if (finalized instanceof Unreadable || safe instanceof Unreadable) return unread("rpc.no_finality", { url });
  const stands = (data) => data.slice(0, 194) === latest.slice(0, 194); // state, holder and nonce
  return stands(finalized) ? "finalized" : stands(safe) ? "safe" : "latest";
}

/** What needs the batch's brand, and the history of a voucher that has one. */
async function readRest(url, pin, voucher, first) {
  const { batch: facts, head } = first;
  const source = { url, registry: pin.registry, chainId: pin.chainId };
  if (facts === null) return { source, ...first, brand: null, authorization: null, history: [] };
  const tag = "0x" + head.number.toString(16);
  const call = (data) => ["eth_call", [{ to: pin.registry, data }, tag]];
  const calls = [call(registry.brandOf(facts.brand)), call(registry.supplierAuthorization(facts.brand, facts.supplier))];
  const moved = first.voucher !== null && first.voucher.state !== "sealed";
  if (moved) calls.push(["eth_getLogs", [registry.logsOf(pin.registry, voucher, "0x" + (pin.since ?? 0).toString(16), tag)]]);
  const [brand, authorization, logs] = await batch(url, calls);
  return {
    source,
    ...first,
    brand: registry.decodeBrand(url, sure(brand)),
    authorization: registry.decodeAuthorization(url, sure(authorization)),
    history: moved ? await readHistory(url, logs) : [],
  };
}

/** Some endpoints limit logs: then just the history is unread. */
async function readHistory(url, logs) {
  if (logs instanceof Unreadable) return unread(logs.code, logs.values);
  const found = logs.map((log) => registry.decodeLog(url, log)).filter((happening) => happening !== null);
  found.sort((a, b) => a.block - b.block || a.position - b.position);
  await dateThem(url, found);
  return found.map(({ position: _, ...happening }) => happening);
}

/** Older nodes put no timestamp into a log. */
async function dateThem(url, happenings) {
  const missing = happenings.filter((happening) => happening.timestamp === null);
  if (!missing.length) return;
  const calls = missing.map(({ block }) => ["eth_getBlockByNumber", ["0x" + block.toString(16), false]]);
  const blocks = await batch(url, calls);
  missing.forEach((happening, i) => (happening.timestamp = quantity(url, sure(blocks[i])?.timestamp)));
}
