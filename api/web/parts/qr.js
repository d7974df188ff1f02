// A QR code as an SVG element.

import encodeQR from "qr";
import { s } from "./dom.js";

const QUIET = 4; // modules of quiet zone, as ISO/IEC 18004 asks for

/** `label` is what a screen reader says. */
export function qrCode(text, label) {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: QUIET });
  const size = rows.length;
  const path = rows.flatMap((row, y) => runs(row).map(([x, length]) => `M${x} ${y}h${length}v1h-${length}z`));
  const ground = s("rect", { width: size, height: size, fill: "#fff" });
  return s("svg.qr", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label }, ground, s("path", { d: path.join(""), fill: "#000" }));
}

/** Dark modules next to each other as [first, length]. */
function runs(row) {
  const found = [];
  row.forEach((dark, x) => {
    if (!dark) return;
    const last = found.at(-1);
    if (last && last[0] + last[1] === x) last[1]++;
    else found.push([x, 1]);
  });
  return found;
}
