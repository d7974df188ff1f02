// Starts an audit, shows how far it is, and what the last one found.

import { find, h } from "./dom.js";
import { icon } from "./icons.js";
import { change, read } from "./key-session.js";
import { number, said, t, time } from "./texts.js";

const POLL = 700; // milliseconds

export function manageAudit() {
  find("[data-start]").addEventListener("click", async () => {
    await change("/v1/audit", {}).catch(() => null); // one is running already: then that one is shown
    watch();
  });
  watch();
}

async function watch() {
  const start = find("[data-start]");
  for (;;) {
    const { running, last, error } = await read("/v1/audit").catch((error) => ({ running: null, error }));
    if (error) return find("[data-audit]").replaceChildren(h("p.fault", { role: "alert" }, said(error)));
    start.disabled = running !== null;
    find("[data-audit]").replaceChildren(...(running ? [progress(running)] : last ? result(last) : [h("p.faint", {}, t("audit.never"))]));
    if (!running) return;
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

function progress({ step, done, total }) {
  const words = t("audit.progress", { step: t(`audit.step.${step}`), done: number(done), total: number(total) });
  return h("p", { "data-running": true }, words, " ", h("progress", { max: total || 1, value: done, "aria-label": words }));
}

function result({ report, error, endedAt }) {
  if (error) return [h("p.fault", {}, t("audit.broke", { why: said(error), when: time(endedAt) }))];
  const clean = report.differencesFound === 0;
  const words = clean ? t("audit.clean") : t("audit.differs", { n: number(report.differencesFound) });
  const counts = ["batches", "leaves", "events", "vouchers", "operations"].map((name) => `${number(report[name])} ${t(`audit.count.${name}`)}`);
  return [
    h(`p.outcome.${clean ? "good" : "bad"}`, { "data-outcome": clean ? "clean" : "differs" }, icon(clean ? "proved" : "false"), words),
    h("p.faint", {}, t("audit.compared", { block: report.block, when: time(endedAt), counts: counts.join(", ") })),
    clean ? null : differences(report.differences),
    h("details", { "data-uncovered": true }, h("summary", {}, t("audit.uncovered")), h("p.faint.wrap", {}, (report.notCovered ?? []).join(", "))),
  ].filter(Boolean);
}

function differences(found) {
  const head = h("tr", {}, ["row", "detail", "expected", "found"].map((name) => h("th", { scope: "col" }, t(`audit.difference.${name}`))));
  const line = (d) => h("tr", {}, [d.row, d.detail, d.expected, d.found].map((text) => h("td.wrap", {}, text)));
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": t("audit.differences") }, h("table", {}, h("thead", {}, head), h("tbody", {}, found.map(line))));
}
