// The verdict as one strong card: icon, colour and a plain sentence, and what to do next.

import { isUnread } from "../protocol/verdict.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { maybe, short, t, time } from "./texts.js";

/** While the chain is read. */
export const workingCard = () =>
  h("article.verdict.working", { "data-verdict": "working" }, h("div.seal", {}, icon("working")), h("h2", {}, t("verdict.working")));

/** `actions` are elements, the first the most important. */
export function verdictCard({ judgement, evidence }, actions) {
  const { verdict, keyStanding, redemption, block, tier } = judgement;
  const dead = keyStanding === "former" && ["sealed", "held"].includes(verdict);
  const look = dead ? "former" : verdict;
  return h(
    `article.verdict.${look}`,
    { "data-verdict": verdict, "data-standing": keyStanding },
    h("div.seal", {}, icon(look)),
    h("p.eyebrow", {}, t("verdict.eyebrow")),
    h("h2", { tabindex: "-1" }, say(judgement, evidence, "title")),
    because(judgement, evidence),
    redemption && h("p", {}, t("verdict.redeemed.when", { when: time(redemption.timestamp), who: short(redemption.party) })),
    h("p.next", {}, say(judgement, evidence, "next")),
    actions.length ? h("div.actions", {}, actions) : null,
    block && h("p.settled", {}, t(`tier.${tier ?? "unread"}.long`, { block: block.number, when: time(block.timestamp) })),
  );
}

/** The sentence for this verdict and this key, else the one for the verdict. */
function say(judgement, evidence, part) {
  const { verdict } = judgement;
  return maybe(`verdict.${verdict}.${which(judgement, evidence)}.${part}`) ?? t(`verdict.${verdict}.${part}`);
}

function which({ verdict, keyStanding, expiredBy }, { chain, pin }) {
  if (verdict === "forged" && !isUnread(chain) && chain.batch === null) return "absent";
  if (pin === null && verdict !== "consistent") return "unpinned";
  return expiredBy ?? keyStanding;
}

/** Why there is no good verdict, and where something was not read, what that was. */
function because({ verdict, reason }, { chain, certificate }) {
  if (!["forged", "undetermined", "consistent"].includes(verdict)) return null;
  const missing = verdict === "undetermined" && [chain, certificate].find(isUnread);
  return h("p.because", {}, missing ? t(missing.unread, missing.values) : t(reason.message, reason.values));
}
