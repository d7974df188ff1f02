// The eight steps of the verification, each with its outcome, what was read, and where.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./texts.js";

export function stepList({ steps, verdict }) {
  const open = ["forged", "undetermined"].includes(verdict);
  return h(
    "details.card",
    { open },
    h("summary", {}, h("h2", {}, t("verify.steps"))),
    h("p", {}, t("verify.steps.why")),
    h("ol.steps", {}, steps.map(line)),
  );
}

function line({ name, outcome, message, values, source }) {
  return h(
    `li.${outcome}`,
    {},
    h("span.mark", {}, icon(outcome)),
    h("strong", {}, t(`step.${name}`), " ", h("span.badge", {}, t(`step.outcome.${outcome}`))),
    h("span.wrap", {}, t(message, values)),
    h("span.faint.wrap", {}, t("step.source", { source: where(source) })),
  );
}

const where = (source) => (typeof source === "string" ? t(`step.source.${source}`) : t("step.source.endpoint", source));
