// The verdict as one strong card: icon, colour and a plain sentence, and what to do next.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { maybe, short, t, time } from "./texts.js";

/** While the chain is read. */
export const workingCard = () =>
  h("article.verdict.working", { "data-verdict": "working" }, h("div.seal", {}, icon("working")), h("h2", {}, t("verdict.working")));

/** `actions` are elements, the first the most important. */
export function verdictCard({ verdict, keyStanding, reason, redemption, block, tier }, actions) {
  const dead = keyStanding === "former" && ["sealed", "held"].includes(verdict);
  const look = dead ? "former" : verdict;
  return h(
    `article.verdict.${look}`,
    { "data-verdict": verdict, "data-standing": keyStanding },
    h("div.seal", {}, icon(look)),
    h("p.eyebrow", {}, t("verdict.eyebrow")),
    h("h2", { tabindex: "-1" }, say(verdict, keyStanding, "title")),
    because(verdict, reason),
    redemption && h("p", {}, t("verdict.redeemed.when", { when: time(redemption.timestamp), who: short(redemption.party) })),
    h("p.next", {}, say(verdict, keyStanding, "next")),
    actions.length ? h("div.actions", {}, actions) : null,
    block && h("p.settled", {}, t(`tier.${tier ?? "unread"}.long`, { block: block.number, when: time(block.timestamp) })),
  );
}

/** The sentence for this verdict and this key, else the one for the verdict. */
const say = (verdict, standing, part) => maybe(`verdict.${verdict}.${standing}.${part}`) ?? t(`verdict.${verdict}.${part}`);

function because(verdict, { message, values }) {
  return ["forged", "undetermined"].includes(verdict) ? h("p.because", {}, t(message, values)) : null;
}
