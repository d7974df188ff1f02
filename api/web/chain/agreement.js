// Several endpoints, one reading: what they do not agree on was not read.

import { isUnread, unread } from "../protocol/verdict.js";
import { readVoucher } from "./reading.js";

/** → the reading that all `urls` give, or unread where one is dead or two differ. */
export async function readAgreed(urls, pin, voucher) {
  const readings = await Promise.all(urls.map((url) => readVoucher(url, pin, voucher)));
  return readings.find(isUnread) ?? (agree(readings) ? joined(readings) : againAtOneBlock(urls, pin, voucher, readings));
}

/** Heads that differ may be the whole difference: ask all at the lowest. */
async function againAtOneBlock(urls, pin, voucher, readings) {
  const lowest = Math.min(...readings.map(({ head }) => head.number));
  const again = await Promise.all(urls.map((url) => readVoucher(url, pin, voucher, lowest)));
  const dead = again.find(isUnread);
  if (dead) return dead;
  return agree(again) ? joined(again) : unread("rpc.disagree", { urls: urls.join(", ") });
}

function agree(readings) {
  return new Set(readings.map(substance)).size === 1;
}

/** Everything that a verdict may rest on. */
function substance({ head, batch, brand, voucher, history, authorization }) {
  return JSON.stringify([head.number, head.hash, batch, brand, voucher, history, authorization]);
}

const TIERS = ["latest", "safe", "finalized"];

/** The most careful of several equal readings. */
function joined(readings) {
  const tier = readings.map((r) => r.tier).find(isUnread) ?? TIERS.find((name) => readings.some((r) => r.tier === name));
  const source = { ...readings[0].source, url: readings.map((r) => r.source.url).join(" + ") };
  return { ...readings[0], source, tier };
}
