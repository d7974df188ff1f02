// The supplier's page: batches and their states, minting in a worker, revoking.

import { drawChart } from "../parts/chart.js";
import { batchTable } from "../parts/batches.js";
import { find } from "../parts/dom.js";
import { read } from "../parts/key-session.js";
import { prepareMinting } from "../parts/minting.js";
import { said } from "../parts/texts.js";

async function refresh() {
  const [{ data }] = await Promise.all([read("/v1/statistics?period=86400"), batchTable(find("[data-batches] tbody"), find("[data-more]"))]);
  drawChart(find("[data-chart]"), data);
}

prepareMinting(refresh);
refresh().catch((error) => find("[data-chart]").replaceChildren(said(error)));
