// Counts over time as lines (uPlot), with a table of the same numbers for those who cannot see them.

import uPlot from "uplot";
import { h } from "./dom.js";
import { number, t } from "./texts.js";

const SERIES = ["minted", "transferred", "redeemed", "revoked"];
const TONES = ["--good", "--calm", "--dull", "--bad"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const DAY = 86400;
const language = document.documentElement.lang;
const day = (seconds) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" }).format(seconds * 1000);

/** Draws `periods` ({start, minted, transferred, redeemed, revoked}) into `place`. */
export function drawChart(place, found) {
  const periods = everyDay(found);
  if (!periods.length) return place.replaceChildren(h("p.faint", {}, t("common.none")));
  const tones = getComputedStyle(document.documentElement);
  const ink = tones.getPropertyValue("--soft");
  const series = SERIES.map((name, i) => ({ label: t(`chart.${name}`), stroke: tones.getPropertyValue(TONES[i]), width: 2, dash: DASHES[i], points: { size: 7 } }));
  const axis = { stroke: ink, grid: { stroke: tones.getPropertyValue("--line") }, ticks: { show: false } };
  const times = { ...axis, space: 90, values: (_, ticks) => ticks.map((tick) => day(tick)) };
  const data = [periods.map((p) => p.start), ...SERIES.map((name) => periods.map((p) => p[name]))];
  const options = { width: place.clientWidth, height: 240, series: [{ label: t("chart.day"), value: (_, v) => (v === null ? "" : day(v)) }, ...series], axes: [times, { ...axis, values: (_, ticks) => ticks.map((tick) => number(tick)) }], scales: { y: { range: (_, __, most) => [0, Math.max(1, most)] } } };
  place.replaceChildren();
  const chart = new uPlot(options, data, place);
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: 240 })).observe(place);
  place.append(asTable(periods));
}

/** Days without an event are zero, and a week at least is shown. */
function everyDay(periods) {
  if (!periods.length) return [];
  const byDay = new Map(periods.map((period) => [period.start, period]));
  const none = Object.fromEntries(SERIES.map((name) => [name, 0]));
  const last = periods.at(-1).start;
  const days = [];
  for (let start = Math.min(periods[0].start, last - 6 * DAY); start <= last; start += DAY) days.push(byDay.get(start) ?? { start, ...none });
  return days;
}

function asTable(periods) {
  const row = (p) => h("tr", {}, h("th", { scope: "row" }, day(p.start)), SERIES.map((name) => h("td", {}, number(p[name]))));
  const head = h("tr", {}, h("th", { scope: "col" }, t("chart.day")), SERIES.map((name) => h("th", { scope: "col" }, t(`chart.${name}`))));
  return h("div.unseen", {}, h("table", {}, h("caption", {}, t("chart.table")), h("thead", {}, head), h("tbody", {}, periods.map(row))));
}
