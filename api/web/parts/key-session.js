// Calls to the API on behalf of the key that signed in: the cookie goes along by itself, the page's token by hand.

import { Refused } from "../operations.js";
import { embedded } from "./dom.js";

export const settings = embedded("settings");
export const token = settings.csrf;

/** JSON from a GET. Throws Refused. */
export const read = (path, headers = {}) => answered(fetch(path, { headers }));

/** A POST of JSON. Throws Refused. */
export function change(path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": token };
  return answered(fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** A POST of a form with files. Throws Refused. */
export const upload = (path, form) => answered(fetch(path, { method: "POST", headers: { "X-CSRF-Token": token }, body: form }));

async function answered(request) {
  const response = await request.catch(() => null);
  const body = await response?.json().catch(() => null);
  if (!response || body === null) throw new Refused({ code: "service.dead" });
  if (!response.ok) throw new Refused(body);
  return body;
}
