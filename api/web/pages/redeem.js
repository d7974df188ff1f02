// The redeemer's terminal: scan, see the verdict, confirm, wait for the chosen tier, next customer.

import * as operations from "../operations.js";
import * as ask from "../parts/ask.js";
import { find, h } from "../parts/dom.js";
import { settings, token } from "../parts/key-session.js";
import { stepList } from "../parts/steps.js";
import { said, t, time } from "../parts/texts.js";
import { verdictCard, workingCard } from "../parts/verdict-card.js";
import { voucherFacts } from "../parts/voucher-facts.js";
import { claimPrivateKey } from "../protocol/fingerprint.js";
import { signStatement } from "../protocol/statements.js";
import { isGood } from "../protocol/verdict.js";
import { voucherId } from "../protocol/voucher-key.js";
import { verify } from "../verification.js";

const DEADLINE = 600; // seconds that the signed redemption may take, at least
const SPREAD = 3600; // and up to so many more
const TIER = "redeem-tier";
const RETRIES = 20; // looks at a voucher that somebody else is just using
const pin = { chainId: settings.chainId, registry: settings.registry, since: settings.since };
const result = find("[data-result]");
const tier = find("#tier");
let latest = 0;

const look = (shown) => verify(shown, { urls: [new URL("/rpc", location.href).href], pin });

async function check(shown) {
  const turn = ++latest;
  result.replaceChildren(workingCard());
  document.body.dataset.asked = "";
  const found = await look(shown);
  if (turn === latest) show(found, shown);
}

function show(found, shown, note = null) {
  const ready = isGood(found.judgement) && ["printed", "current"].includes(found.judgement.keyStanding);
  const redeem = h("button.primary.big", { type: "button", "data-redeem": true }, t("redeem.confirm"));
  redeem.addEventListener("click", () => spend(found, shown, redeem));
  const next = h("button.big", { type: "button", "data-next": true, onclick: nextCustomer }, t("redeem.next"));
  const card = verdictCard(found, ready ? [redeem, next] : [next]);
  if (isGood(found.judgement) && !shown.secret) card.append(h("p.fault", {}, t("redeem.public")));
  if (note) card.append(h("p.fault", { role: "alert" }, note));
  result.replaceChildren(card, voucherFacts(found), stepList(found.judgement));
  settle(card);
}

/** No button gets the focus: an Enter that belongs to a scanner must press nothing. */
function settle(card) {
  find("h2", card).focus({ preventScroll: true });
}

/** Where the next voucher was scanned meanwhile, the screen is that one's; what became of this one stands in the list. */
async function spend(found, shown, button) {
  const turn = latest;
  button.disabled = true;
  const progress = h("p.progress", { role: "status", "data-progress": true }, t("redeem.sending"));
  find(".verdict").append(progress);
  try {
    await accepted(found, shown, progress);
    const now = await look(shown);
    if (isMine(now)) remember(shown);
    if (turn === latest) done(now);
    else if (!isMine(now)) remember(shown, t("redeem.unconfirmed"));
  } catch (error) {
    const now = await refused(error, shown);
    const note = t("redeem.refused", { why: said(error) });
    if (turn === latest) show(now, shown, note);
    else remember(shown, note);
  }
}

/** Sends the signed redemption and waits for the tier → the operation. */
async function accepted(found, shown, progress) {
  const { head, voucher } = found.evidence.chain;
  const deadline = Math.max(Math.floor(Date.now() / 1000), head.timestamp) + DEADLINE + chance(SPREAD);
  const message = { batchId: shown.batchId, index: shown.index, redeemer: settings.address, nonce: voucher.nonce, deadline };
  const statement = signStatement(claimPrivateKey(shown.secret), settings, "Redeem", message);
  const request = operations.request("/v1/redemptions", { statement }, token);
  const operation = await operations.send(request).catch((error) => {
    if (error instanceof operations.Refused) throw error;
    return operations.send(request); // no answer: the same bytes once more
  });
  const report = ({ status, block }) => (progress.textContent = t(`operation.${status}`, { block }));
  return operations.follow(operation, report, tier.value);
}

/**
 * A whole number below `limit`. Two tills of one redeemer that sign in the same second must sign two statements: the service
 * would take equal ones for a repetition, and say yes to both.
 */
const chance = (limit) => Math.floor((crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32) * limit);

/** What the chain says now counts, not that the service said yes. */
const isMine = ({ judgement: { verdict, redemption } }) =>
  verdict === "redeemed" && redemption?.party === settings.address.toLowerCase();

function done(found) {
  if (!isMine(found)) return show(found, {}, t("redeem.unconfirmed"));
  const next = h("button.primary.big", { type: "button", "data-next": true, onclick: nextCustomer }, t("redeem.next"));
  const card = verdictCard(found, [next]);
  card.classList.replace("redeemed", "sealed");
  card.dataset.verdict = "accepted";
  find("h2", card).textContent = t("redeem.done.title");
  find(".next", card).textContent = t("redeem.done.next");
  result.replaceChildren(card, voucherFacts(found));
  settle(card);
}

/** Another terminal may be just redeeming it: look until the chain says what became of it → what it says. */
async function refused(error, shown) {
  let found = await look(shown);
  for (let i = 0; i < RETRIES && error.code === "voucher_reserved" && isGood(found.judgement); i++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    found = await look(shown);
  }
  return found;
}

/** `fault` says why it was not redeemed. */
function remember(shown, fault = null) {
  const line = [h("code", {}, voucherId(shown)), " ", time(Date.now() / 1000), fault && ` ${fault}`];
  find("[data-session]").prepend(h(fault ? "li.fault" : "li", fault ? { role: "alert" } : {}, line));
}

function nextCustomer() {
  latest++;
  result.replaceChildren();
  delete document.body.dataset.asked;
  find("#code").focus(); // a keyboard scanner types into it and ends with Enter
}

function start() {
  const kept = localStorage.getItem(TIER);
  if (kept && find(`option[value="${kept}"]`, tier)) tier.value = kept;
  tier.addEventListener("change", () => localStorage.setItem(TIER, tier.value));
  find("[data-terminal]").hidden = false;
  ask.listen(check);
  const text = ask.takeFragment();
  if (text) ask.accept(text, check);
  else find("#code").focus();
}

start();
