// A voucher's life as a list of dated events, oldest first.

import { checksummed } from "../protocol/bytes.js";
import { isMissing, isUnread } from "../protocol/verdict.js";
import { h } from "./dom.js";
import { t, time } from "./texts.js";

/** From the mint in the proved certificate to the last event that the chain has. */
export function timeline({ certificate, chain }) {
  if (isMissing(certificate) || isUnread(chain)) return null;
  const minted = { kind: "minted", party: certificate.batch.supplier, block: certificate.mintBlock, transaction: certificate.mintTransaction };
  const rest = isUnread(chain.history) ? [h("li.unread", {}, t(chain.history.unread, chain.history.values))] : chain.history.map(entry);
  return h("section.card", {}, h("h2", {}, t("voucher.history")), h("ol.timeline", {}, entry(minted), rest));
}

function entry({ kind, party, block, timestamp, transaction }) {
  return h(
    `li.${kind}`,
    {},
    h("strong", {}, t(`event.${kind}`)),
    h("span", {}, [timestamp ? time(timestamp) : null, `${t("common.block")} ${block}`].filter(Boolean).join(" · ")),
    h("code.wrap", {}, checksummed(party)),
    h("code.wrap.faint", { title: t("common.transaction") }, transaction),
  );
}
