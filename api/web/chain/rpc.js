// JSON-RPC to one endpoint, always in one batch. Checks the shape of every answer before it is believed.

export const TIMEOUT = 10_000;

/** An endpoint did not answer, or not with what was asked. */
export class Unreadable extends Error {
  constructor(code, values) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

let lastId = 0;

/**
 * Sends `[[method, params], …]` as one batch → the results in the same order; a result that the node refused is an
 * Unreadable in its place. Throws Unreadable where there is no usable answer at all.
 */
export async function batch(url, calls, timeout = TIMEOUT) {
  const first = lastId + 1;
  const body = calls.map(([method, params]) => ({ jsonrpc: "2.0", id: ++lastId, method, params }));
  const answers = await post(url, body, timeout);
  if (!Array.isArray(answers)) throw new Unreadable("rpc.shape", { url });
  const byId = new Map(answers.map((answer) => [answer?.id, answer]));
  return calls.map((_, i) => outcome(url, byId.get(first + i)));
}

async function post(url, body, timeout) {
  try {
    const headers = { "Content-Type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(timeout) };
    const response = await fetch(url, { ...init, credentials: "omit", referrerPolicy: "no-referrer" });
    return await response.json();
  } catch {
    throw new Unreadable("rpc.dead", { url });
  }
}

function outcome(url, answer) {
  if (answer?.error) return new Unreadable("rpc.error", { url, detail: String(answer.error.message).slice(0, 120) });
  if (answer?.result === undefined) return new Unreadable("rpc.shape", { url });
  return answer.result;
}

/** The value, or its Unreadable thrown. */
export function sure(value) {
  if (value instanceof Unreadable) throw value;
  return value;
}

/** A JSON-RPC quantity as a number. */
export function quantity(url, value) {
  if (typeof value !== "string" || !/^0x[0-9a-f]{1,13}$/i.test(value)) throw new Unreadable("rpc.shape", { url });
  return Number(value);
}
