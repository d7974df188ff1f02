// The auditor's search over all events, and the timeline of a voucher or a batch.

import { find, h, onSubmit } from "./dom.js";
import { read } from "./key-session.js";
import { said, short, t, time } from "./texts.js";

const PAGE = 50;
const value = (id) => find(`#${id}`).value.trim();

export function manageEvents() {
  let last = null;
  let latest = 0; // answers may come in another order than they were asked for
  const search = async (more) => {
    const turn = ++latest;
    const query = wanted();
    query.set("limit", PAGE);
    if (more && last) query.set("starting_after", last);
    const { data, has_more: rest } = await read(`/v1/events?${query}`);
    if (turn !== latest) return;
    const body = find("[data-events] tbody");
    if (!more) body.replaceChildren();
    body.append(...(data.length || more ? data.map(row) : [h("tr", {}, h("td", { colspan: 5 }, t("common.none")))]));
    last = data.at(-1)?.id;
    find("[data-more]").hidden = !rest;
  };
  onSubmit(find("[data-filter]"), () => search(false).catch(fault));
  find("[data-more]").addEventListener("click", () => search(true).catch(fault));
  find("[data-csv]").addEventListener("click", exportCsv);
  search(false).catch(fault);
}

/** In the table's place: a search that failed is not one that found nothing. */
function fault(error) {
  const words = h("p.fault", { role: "alert" }, said(error));
  find("[data-events] tbody").replaceChildren(h("tr", {}, h("td", { colspan: 5 }, words)));
}

/** The filter as the API's query. Dates are whole days, UTC. */
function wanted() {
  const query = new URLSearchParams();
  const set = (name, text) => text && query.set(name, text);
  set(value("subject").includes("-") ? "voucher" : "batch", value("subject"));
  set("kind", value("kind"));
  set("actor", value("actor"));
  if (value("since")) query.set("since", Date.parse(`${value("since")}T00:00:00Z`) / 1000);
  if (value("until")) query.set("until", Date.parse(`${value("until")}T23:59:59Z`) / 1000);
  return query;
}

async function exportCsv() {
  const response = await fetch(`/v1/events?${wanted()}`, { headers: { Accept: "text/csv" } }).catch(() => null);
  if (!response?.ok) return fault((await response?.json().catch(() => null)) ?? { code: "service.dead" });
  const url = URL.createObjectURL(await response.blob());
  h("a", { href: url, download: "events.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function row(event) {
  const subject = event.voucherId ?? event.batchId?.slice(2);
  const open = subject && h("button.link", { type: "button", onclick: () => openTimeline(subject) }, h("code", {}, subject));
  return h(
    "tr",
    { "data-kind": event.kind },
    h("td", {}, time(event.timestamp)),
    h("td", {}, t(`event.${event.kind}`)),
    h("td", {}, open ?? "—"),
    h("td", {}, event.actor ? h("code", { title: event.actor }, short(event.actor)) : "—"),
    h("td", {}, String(event.blockNumber), " ", h("span.badge", {}, t(`tier.${event.tier}`))),
  );
}

/** A voucher's whole life, or the last hundred events of a batch; oldest first. */
async function openTimeline(subject) {
  const voucher = subject.includes("-");
  const { data } = await read(voucher ? `/v1/vouchers/${subject}/history` : `/v1/events?batch=${subject}&limit=100`);
  const events = voucher ? data : data.toReversed();
  const entries = events.map((event) => h(`li.${event.kind}`, {}, h("strong", {}, t(`event.${event.kind}`)), h("span", {}, `${time(event.timestamp)} · ${t("common.block")} ${event.blockNumber}`), event.voucherId && h("code", {}, event.voucherId), event.actor && h("code.wrap", {}, event.actor), h("code.wrap.faint", {}, event.transaction)));
  const link = voucher ? h("a", { href: `/v/${subject}` }, t("audit.verify")) : null;
  const card = h("section.card", { tabindex: "-1" }, h("h2", {}, t("audit.timeline", { subject })), h("ol.timeline", {}, entries), link);
  find("[data-timeline]").replaceChildren(card);
  card.focus();
}
