// The supplier's batches with their counts by state; opens one for what can be done to it.

import { openBatch } from "./batch-panel.js";
import { find, h } from "./dom.js";
import { read, settings } from "./key-session.js";
import { number, t, time } from "./texts.js";

const PAGE = 20;
const STATES = ["sealed", "held", "redeemed", "revoked"];

/** Fills `body` with the newest batches; `more` is the button for older ones. */
export async function batchTable(body, more) {
  body.replaceChildren();
  let last = null;
  const page = async () => {
    const from = last ? `&starting_after=${last}` : "";
    const { data, has_more: rest } = await read(`/v1/batches?supplier=${settings.address}&limit=${PAGE}${from}`);
    body.append(...data.map(row));
    last = data.at(-1)?.batchId.slice(2);
    more.hidden = !rest;
  };
  more.onclick = page;
  await page();
  if (!body.children.length) body.append(h("tr", {}, h("td", { colspan: 5 }, t("common.none"))));
}

function row(batch) {
  const open = h("button", { type: "button", "data-open": batch.batchId, onclick: () => openBatch(find("[data-batch]"), batch) }, t("supplier.open"));
  return h(
    "tr",
    { "data-id": batch.batchId },
    h("th", { scope: "row" }, h("code", {}, batch.batchId.slice(2)), batch.suspended ? h("span.badge", {}, t("event.suspended")) : null),
    h("td", {}, batch.terms?.product ?? "—"),
    h("td", {}, batch.mintedAt ? time(batch.mintedAt) : t(`tier.${batch.tier}`)),
    h("td", {}, states(batch)),
    h("td", {}, open),
  );
}

/** A bar for the eye, numbers for everybody. */
function states({ counts, count }) {
  const bar = STATES.map((state) => h(`span.${state}`, { style: null, "data-share": Math.round((100 * counts[state]) / count) }));
  bar.forEach((part) => (part.style.flexGrow = part.dataset.share));
  const words = STATES.filter((state) => counts[state]).map((state) => `${number(counts[state])} ${t(`state.${state}`)}`);
  return [h("span.bar", { "aria-hidden": "true" }, bar), h("span.faint", {}, words.join(" · "))];
}
