// Re-keys a voucher to a fresh secret made here. The new key is shown, saved and confirmed before the old one dies.

import * as operations from "../operations.js";
import { hex, unhex } from "../protocol/bytes.js";
import { claimAddress, claimPrivateKey, freshSecret } from "../protocol/fingerprint.js";
import { openSealed, seal } from "../protocol/sealing.js";
import { signStatement } from "../protocol/statements.js";
import { encodeKey, voucherId } from "../protocol/voucher-key.js";
import { download, find, h } from "./dom.js";
import { qrCode } from "./qr.js";
import { said, t } from "./texts.js";

const CONFIRMED = 4; // last characters of the key that are typed again
const DEADLINE = 3600; // seconds that the signed transfer may take

/** Begins in `place`. `intent` is claim (for oneself) or give; `done(next)` gets the new {batchId, index, secret}. */
export async function rekey(place, { found, shown, intent, settings, done }) {
  const next = { batchId: shown.batchId, index: shown.index, secret: freshSecret() };
  const card = h("section.rekey", { "data-rekey": true }, h("h3", { tabindex: "-1" }, t(`claim.${intent}.title`)));
  find(".actions", place)?.remove(); // one re-keying at a time
  place.append(card);
  const key = encodeKey(next);
  const leaving = (event) => event.preventDefault(); // the new key is in this page's memory alone
  addEventListener("beforeunload", leaving);
  try {
    const content = await carried(found, shown, next);
    await confirmSaved(card, key, next, settings, intent);
    await transfer(card, { found, shown, next, settings, content });
  } catch (error) {
    const again = h("button", { type: "button", onclick: () => done(shown) }, t("verify.again"));
    card.append(h("p.fault", { role: "alert" }, t("claim.failed", { why: said(error) })), again);
    if (!error.code) throw error; // a fault of this program, not of the world
    return;
  } finally {
    removeEventListener("beforeunload", leaving);
  }
  await done(next);
}


/** The content sealed again for the next key, or null where there is none to carry. */
async function carried(found, shown, next) {
  const sealed = await fetchContent(found, shown);
  if (sealed === null) return null;
  const { salt, content } = await openSealed(shown.secret, shown.index, sealed, found.evidence.certificate.contentHash);
  return hex(await seal(next.secret, next.index, salt, content));
}

async function fetchContent(found, shown) {
  if (/^0x0+$/.test(found.evidence.certificate.contentHash)) return null;
  const response = await fetch(`/v1/vouchers/${voucherId(shown)}/content`);
  if (response.status === 404) return null; // kept by nobody here: nothing to carry, nothing lost by going on
  if (!response.ok) throw new operations.Refused({ code: "service.dead" });
  return unhex((await response.json()).sealedContent);
}

/** Shows the sealed content to its holder. */
export async function showContent(place, found, shown) {
  find("[data-content]", place)?.remove();
  const sealed = await fetchContent(found, shown);
  const open = sealed && (await openSealed(shown.secret, shown.index, sealed, found.evidence.certificate.contentHash));
  const body = open ? [h("pre", {}, open.content), h("p.hint", {}, t("content.warning"))] : [h("p", {}, t("content.none"))];
  place.append(h("section.content", { "data-content": true }, h("h3", {}, t("content.title")), body));
}

/** Resolves once the key was saved in one way at least and its end was typed again. */
function confirmSaved(card, key, next, settings, intent) {
  const link = `${settings.publicUrl}/v#${key.toUpperCase()}`;
  return new Promise((resolve) => {
    let saved = false;
    const input = h("input", { id: "tail", maxlength: "8", autocomplete: "off", autocapitalize: "off", spellcheck: "false", size: "8" });
    const go = h("button.primary", { type: "submit", disabled: true, "data-rekey-confirm": true }, t(`claim.${intent}.confirm`));
    const right = () => input.value.trim().toLowerCase() === key.slice(-CONFIRMED);
    const update = () => (go.disabled = !(saved && right()));
    const trouble = h("p.fault", { role: "alert" });
    const keep = (act) => async () => {
      try {
        await act();
        saved = true;
        trouble.textContent = "";
      } catch {
        trouble.textContent = t(isSecureContext ? "claim.copy.failed" : "claim.copy.insecure");
      }
      update();
    };
    const submit = (event) => {
      event.preventDefault();
      if (!saved || !right()) return;
      form.remove();
      resolve();
    };
    input.addEventListener("input", update);
    const form = h("form", { onsubmit: submit }, keyView(key, link), saveButtons(key, link, next, keep), trouble, tail(input), go);
    card.append(form);
    find("h3", card).focus();
  });
}

function keyView(key, link) {
  const groups = key.toUpperCase().match(/.{1,5}/g).map((group) => h("span", {}, group));
  return h(
    "div.newkey",
    {},
    h("p", {}, t("claim.save")),
    h("div.keysheet", {}, qrCode(link, t("claim.qr")), h("code.key", { "data-new-key": key }, groups)),
  );
}

function saveButtons(key, link, next, keep) {
  const text = () => [t("claim.file.title"), voucherId(next), key.toUpperCase(), link, t("claim.file.warning"), ""].join("\n");
  const ways = {
    download: () => download(`${voucherId(next)}.key.txt`, "text/plain", text()),
    print: () => printKey(),
    copy: () => navigator.clipboard.writeText(key),
  };
  const button = ([way, act]) => h("button", { type: "button", "data-keep": way, onclick: keep(act) }, t(`claim.${way}`));
  return h("div.actions", {}, Object.entries(ways).map(button));
}

/** Prints the key's sheet alone. */
function printKey() {
  document.body.dataset.print = "key";
  print();
  delete document.body.dataset.print;
}

function tail(input) {
  return h("p.confirm", {}, h("label", { for: "tail" }, t("claim.tail", { n: CONFIRMED })), " ", input);
}

async function transfer(card, { found, shown, next, settings, content }) {
  const { head, voucher } = found.evidence.chain;
  const now = Math.max(Math.floor(Date.now() / 1000), head.timestamp);
  const message = { batchId: next.batchId, index: next.index, to: claimAddress(next.secret), nonce: voucher.nonce, deadline: now + DEADLINE };
  const statement = signStatement(claimPrivateKey(shown.secret), settings, "Transfer", message);
  const body = content ? { statement, sealedContent: content } : { statement };
  const progress = h("ol.progress", { role: "status", "data-progress": true });
  card.append(progress);
  const operation = await sendUntilAnswered(card, operations.request("/v1/transfers", body));
  await operations.follow(operation, ({ status, block }) => report(progress, status, block));
}

/** The same bytes again, as often as the reader asks: it happens once. */
async function sendUntilAnswered(card, request) {
  for (;;) {
    try {
      return await operations.send(request);
    } catch (error) {
      if (error instanceof operations.Refused) throw error;
      await pressed(card, t("claim.unanswered"), t("claim.again"));
    }
  }
}

function pressed(card, text, label) {
  return new Promise((resolve) => {
    const again = h("button", { type: "button" }, label);
    const note = h("p.fault", { role: "alert" }, text, " ", again);
    again.addEventListener("click", () => (note.remove(), resolve()));
    card.append(note);
  });
}

function report(progress, status, block) {
  const text = t(`operation.${status}`, { block });
  if (progress.lastChild?.textContent !== text) progress.append(h("li", { "data-status": status }, text));
}
