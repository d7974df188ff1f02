// The ways in: camera, picture, keyboard or keyboard scanner. Gives what was read as {batchId, index, secret?}, or says
// what is wrong with it.

import { InvalidInput } from "../protocol/bytes.js";
import { parseCode } from "../protocol/voucher-key.js";
import { find, onSubmit } from "./dom.js";
import { t } from "./texts.js";

let filming = null;

/** Calls `take(shown)` with each code that could be read. */
export function listen(take) {
  const card = find("[data-script]");
  card.hidden = false;
  find("[data-camera]", card).addEventListener("click", () => scanCamera(take));
  find("[data-stop]", card).addEventListener("click", stop);
  find("[data-picture]", card).addEventListener("change", (event) => scanPicture(event.target, take));
  addEventListener("keydown", catchScan);
  onSubmit(find("form[data-code]", card), () => {
    const input = find("#code");
    if (accept(input.value, take)) input.value = ""; // the key stays in memory alone
    else input.select(); // the next scan takes its place
  });
}

/**
 * A keyboard scanner types into whatever has the focus and ends with Enter, which would press a focused button. What is typed
 * where no text belongs goes to the field for codes, its Enter with it: a scan looks, and never confirms.
 */
function catchScan(event) {
  const types = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.altKey && !event.metaKey;
  if (!types || takesText(event.target)) return;
  delete document.body.dataset.asked;
  find("#code").focus();
  find("#code").select();
}

const TEXTLESS = ["button", "checkbox", "color", "date", "file", "image", "radio", "range", "reset", "submit"];

function takesText({ tagName, type, isContentEditable }) {
  return tagName === "TEXTAREA" || isContentEditable || (tagName === "INPUT" && !TEXTLESS.includes(type));
}

/** A link's key: taken out of the address bar and of this history entry once it could be read. */
export function takeFragment() {
  const text = location.hash.slice(1);
  if (!text) return null;
  if (readable(text)) history.replaceState(null, "", location.pathname + location.search);
  return text;
}

export function accept(text, take) {
  const shown = read(text);
  if (shown) take(shown);
  return shown !== null;
}

function read(text) {
  try {
    const shown = parseCode(text);
    fault("");
    return shown;
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    fault(text.trim() ? t(`error.${error.code}`, error.values) : t("error.empty"));
    return null;
  }
}

export function fault(text) {
  if (text) delete document.body.dataset.asked; // the field that it is about is hidden below a verdict
  find("#code-fault").textContent = text;
  find("#code").setAttribute("aria-invalid", String(text !== ""));
}

async function scanCamera(take) {
  stop();
  if (!navigator.mediaDevices) return fault(t(isSecureContext ? "scan.no_camera" : "scan.insecure"));
  filming = new AbortController();
  const view = find("[data-viewfinder]");
  view.hidden = false;
  try {
    const { film } = await import("./scan.js");
    const found = await film(find("video", view), readable, filming.signal);
    if (found) accept(found, take);
  } catch (error) {
    fault(t(error.name === "NotAllowedError" ? "scan.refused" : "scan.no_camera"));
  } finally {
    view.hidden = true;
  }
}

function stop() {
  filming?.abort();
}

async function scanPicture(input, take) {
  const { readPicture } = await import("./scan.js");
  const found = await readPicture(input.files[0]).catch(() => null);
  input.value = "";
  const code = found?.find(readable);
  if (code) accept(code, take);
  else fault(t(!found ? "scan.format" : found.length ? "scan.other" : "scan.nothing"));
}

/** A poster beside the voucher must not end the scan. */
function readable(text) {
  try {
    return Boolean(parseCode(text));
  } catch {
    return false;
  }
}
