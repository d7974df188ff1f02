// The auditor's page: run an audit, see what happened over time, search the events.

import { manageAudit } from "../parts/audit-run.js";
import { drawChart } from "../parts/chart.js";
import { find } from "../parts/dom.js";
import { manageEvents } from "../parts/events.js";
import { read } from "../parts/key-session.js";
import { said } from "../parts/texts.js";

async function drawHistory() {
  drawChart(find("[data-chart]"), (await read("/v1/statistics?period=86400")).data);
}

manageAudit();
manageEvents();
drawHistory().catch((error) => find("[data-chart]").replaceChildren(said(error)));
