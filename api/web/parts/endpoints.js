// Which RPC endpoints the chain is read from: ours, and those that the reader added. Kept in this browser; they are no secret.

import { find, h, onSubmit } from "./dom.js";
import { t } from "./texts.js";

const STORED = "rpc-endpoints";
const OURS = new URL("/rpc", location.href).href;

const added = () => JSON.parse(localStorage.getItem(STORED) ?? "[]");

/** Ours first. All have to agree. */
export const endpoints = () => [OURS, ...added()];

/** Lists them, and lets the reader add and remove; `changed` is called after either. */
export function manageEndpoints(changed) {
  const store = (urls) => {
    localStorage.setItem(STORED, JSON.stringify(urls));
    list();
    changed();
  };
  const list = () => find("[data-endpoints]").replaceChildren(...endpoints().map((url) => line(url, store)));
  onSubmit(find("[data-add-endpoint]"), () => {
    const input = find("#endpoint");
    store([...new Set([...added(), input.value])]);
    input.value = "";
  });
  list();
}

function line(url, store) {
  const remove = () => store(added().filter((other) => other !== url));
  const label = t("verify.endpoint.remove", { url });
  return h(
    "li",
    {},
    h("code.wrap", {}, url),
    url === OURS ? h("span.badge", {}, t("verify.endpoint.ours")) : h("button", { type: "button", "aria-label": label, onclick: remove }, "×"),
  );
}
