// Hands signed statements to the service and follows what becomes of them. What they did is read from the chain, not from here.

import { Unreadable } from "./chain/rpc.js";
import { hex } from "./protocol/bytes.js";

const WAIT = 20; // seconds that one question may be held
const PAUSE = 1000; // milliseconds between two questions

/** The service refused; `code` is the rule's name, `detail` its English words. */
export class Refused extends Error {
  constructor({ code, detail }) {
    super(code);
    this.code = code;
    this.detail = detail;
  }
}

/**
 * A changing call that may be repeated as it is: the same key, the same body, one effect. Without the token of a session it
 * is nobody's: it is sent without the cookie that this browser may have from another page of ours.
 */
export function request(path, body, csrf = null) {
  const key = hex(crypto.getRandomValues(new Uint8Array(16)));
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const credentials = csrf ? "same-origin" : "omit";
  return { path, init: { method: "POST", headers, credentials, body: JSON.stringify(body) } };
}

/** → the operation. Throws Refused, or Unreadable where no answer came: then sending it again is safe. */
export async function send({ path, init }) {
  return answer(await fetch(path, init).catch(unreachable));
}

/** Calls `progress(operation)` at each change until `enough` is reached → the operation. Throws Refused where it was refused. */
export async function follow(operation, progress, enough = "finalized") {
  const order = ["accepted", "sent", "included", "safe", "finalized"];
  let now = operation;
  for (;;) {
    progress(now);
    if (now.status === "refused") throw new Refused({ code: now.reason, detail: now.detail });
    if (order.indexOf(now.status) >= order.indexOf(enough)) return now;
    if (now.status !== "accepted" && now.status !== "sent") await new Promise((resolve) => setTimeout(resolve, PAUSE));
    now = await read(now);
  }
}

/** A lost connection says nothing about the operation: ask again. */
async function read(operation) {
  try {
    const headers = { Prefer: `wait=${WAIT}` };
    return await answer(await fetch(`/v1/operations/${operation.id}`, { headers }).catch(unreachable));
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    return operation;
  }
}

async function answer(response) {
  const body = await response.json().catch(unreachable);
  if (response.ok) return body;
  if (response.status >= 500 || response.status === 429 || body.code === "in_flight") return unreachable();
  throw new Refused(body);
}

function unreachable() {
  throw new Unreadable("service.dead", {});
}
