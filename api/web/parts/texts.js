// The page's texts, and amounts and times as its reader writes them.

import { embedded } from "./dom.js";

const texts = embedded("texts");
const language = document.documentElement.lang;

/** The text, with {names} filled in; null where there is none. */
export function maybe(key, values = {}) {
  return texts[key]?.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "") ?? null;
}

/** The text; its key where it is missing, so that the fault can be seen. */
export const t = (key, values) => maybe(key, values) ?? key;

/** What an error means to the reader: its rule in their language, else the service's own words. */
export const said = ({ code, detail }, values = {}) => maybe(`error.${code}`, values) ?? detail ?? t("error.unknown");

const times = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const numbers = new Intl.NumberFormat(language);

/** Unix seconds. */
export const time = (seconds) => times.format(seconds * 1000);

export const number = (value) => numbers.format(value);

/** A face value as terms give it: {amount, currency}; null for anything else. */
export function money(value) {
  if (typeof value?.amount !== "string" || !/^\d+(\.\d+)?$/.test(value.amount)) return null;
  try {
    return new Intl.NumberFormat(language, { style: "currency", currency: value.currency }).format(value.amount);
  } catch {
    return `${value.amount} ${value.currency ?? ""}`;
  }
}

export const short = (address) => `${address.slice(0, 6)}…${address.slice(-4)}`;
