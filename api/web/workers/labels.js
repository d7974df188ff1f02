// Label sheets as PDF, A4, 2 × 6: the public code outside, the secret code on the half that is covered or folded away.

import encodeQR from "qr";
import { encodeKey, voucherId } from "../protocol/voucher-key.js";
import { Pdf } from "./pdf.js";

const PAGE = [595, 842]; // points
const COLUMNS = 2;
const ROWS = 6;
const MARGIN = 30;
const CELL = [(PAGE[0] - 2 * MARGIN) / COLUMNS, (PAGE[1] - 2 * MARGIN) / ROWS];
const CODE = 84; // side of a QR code
const TITLE = [122, 11]; // points; the title is a picture, since PDF's own fonts have no Chinese

/** A PDF for all vouchers of the batch. `words` are {title, check, secret}; `progress(done)` is called after each. */
export async function labels({ batchId, vouchers, baseUrl }, words, progress) {
  const pdf = new Pdf();
  const pages = pdf.reserve();
  const font = pdf.write(pdf.reserve(), "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>");
  const titles = await Promise.all([words.title, words.check, words.secret].map((text) => pdf.picture(drawn(text))));
  const perPage = COLUMNS * ROWS;
  for (let first = 0; first < vouchers.length; first += perPage) {
    const pictures = [...titles];
    const content = [];
    for (let index = first; index < Math.min(first + perPage, vouchers.length); index++) {
      const key = { batchId, index, secret: vouchers[index].secret };
      const codes = [`${baseUrl}/v/${voucherId(key)}`, `${baseUrl}/v#${encodeKey(key).toUpperCase()}`];
      const [open, secret] = await Promise.all(codes.map((text) => pdf.picture(encodeQR(text, "raw", { ecc: "medium", border: 4 }))));
      pictures.push(open, secret);
      content.push(label(corner(index - first), key, open, secret, titles));
      progress(index + 1);
    }
    await pdf.page(pages, PAGE, content.join("\n"), pictures, font);
  }
  return pdf.end(pages);
}

/** The lower left corner of the n-th label of a page. */
function corner(n) {
  return [MARGIN + (n % COLUMNS) * CELL[0], PAGE[1] - MARGIN - (Math.floor(n / COLUMNS) + 1) * CELL[1]];
}

function label([x, y], key, open, secret, [title, check, cover]) {
  const half = CELL[0] / 2;
  const groups = encodeKey(key).toUpperCase().match(/.{1,14}/g);
  const text = (dx, dy, size, line) => `BT /F ${size} Tf ${x + dx} ${y + dy} Td (${line}) Tj ET`;
  return [
    `q 0.5 w 0.7 G ${x} ${y} ${CELL[0]} ${CELL[1]} re S [3 3] 0 d ${x + half} ${y} m ${x + half} ${y + CELL[1]} l S Q`,
    place(title, x + 8, y + CELL[1] - 18, 1),
    draw(open, x + 22, y + 24, CODE, CODE),
    text(8, 10, 7, voucherId(key)),
    place(check, x + 8, y + 18, 0.62),
    place(cover, x + half + 8, y + CELL[1] - 16, 0.75),
    draw(secret, x + half + 22, y + 34, CODE, CODE),
    ...groups.map((group, i) => text(half + 8, 28 - 7 * i, 6.5, group)),
  ].join("\n");
}

const place = (line, x, y, scale) => draw(line, x, y, TITLE[0] * scale, TITLE[1] * scale);
const draw = (picture, x, y, width, height) => `q ${width} 0 0 ${height} ${x} ${y} cm /P${picture} Do Q`;

/** A line of text in the system's own fonts, as black and white. */
function drawn(text) {
  const [width, height] = TITLE.map((points) => points * 6);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.font = `${height * 0.82}px sans-serif`;
  context.textBaseline = "middle";
  context.fillText(text, 0, height / 2, width);
  const { data } = context.getImageData(0, 0, width, height);
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => data[4 * (y * width + x) + 3] > 127));
}
