// As much of PDF 1.7 as label sheets need: pages, ASCII text in Courier, and one-bit pictures, compressed by the browser.

const encode = (text) => new TextEncoder().encode(text);

export class Pdf {
  #parts = [encode("%PDF-1.7\n%\u00e2\u00e3\n")];
  #offsets = [];
  #length = this.#parts[0].length;
  #pages = [];

  /** The number of an object to be written later. */
  reserve() {
    return this.#offsets.push(null);
  }

  write(number, dictionary, stream = null) {
    this.#offsets[number - 1] = this.#length;
    const body = stream ? [encode(`${dictionary}\nstream\n`), stream, encode("\nendstream")] : [encode(dictionary)];
    this.#put(encode(`${number} 0 obj\n`), ...body, encode("\nendobj\n"));
    return number;
  }

  /** A picture of `rows` (booleans, true is black) → its object number. */
  async picture(rows) {
    const width = rows[0].length;
    const bytes = new Uint8Array(rows.length * Math.ceil(width / 8));
    rows.forEach((row, y) => row.forEach((dark, x) => (bytes[y * Math.ceil(width / 8) + (x >> 3)] |= dark ? 0x80 >> (x & 7) : 0)));
    const data = await deflate(bytes);
    const kind = `/Type /XObject /Subtype /Image /Width ${width} /Height ${rows.length} /ImageMask true /BitsPerComponent 1`;
    return this.write(this.reserve(), `<< ${kind} /Decode [1 0] /Filter /FlateDecode /Length ${data.length} >>`, data);
  }

  /** A page of `size` [width, height] points; `content` draws the pictures by the name /P<number>. */
  async page(parent, size, content, pictures, font) {
    const data = await deflate(encode(content));
    const stream = this.write(this.reserve(), `<< /Filter /FlateDecode /Length ${data.length} >>`, data);
    const names = [...new Set(pictures)].map((number) => `/P${number} ${number} 0 R`).join(" ");
    const resources = `<< /Font << /F ${font} 0 R >> /XObject << ${names} >> >>`;
    const page = `<< /Type /Page /Parent ${parent} 0 R /MediaBox [0 0 ${size.join(" ")}] /Resources ${resources} /Contents ${stream} 0 R >>`;
    this.#pages.push(this.write(this.reserve(), page));
  }

  /** The whole document as a Blob. */
  end(parent) {
    const kids = this.#pages.map((number) => `${number} 0 R`).join(" ");
    this.write(parent, `<< /Type /Pages /Count ${this.#pages.length} /Kids [${kids}] >>`);
    const root = this.write(this.reserve(), `<< /Type /Catalog /Pages ${parent} 0 R >>`);
    const rows = this.#offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
    const size = this.#offsets.length + 1;
    const table = `xref\n0 ${size}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${size} /Root ${root} 0 R >>\n`;
    return new Blob([...this.#parts, `${table}startxref\n${this.#length}\n%%EOF\n`], { type: "application/pdf" });
  }

  #put(...parts) {
    for (const part of parts) {
      this.#parts.push(part);
      this.#length += part.length;
    }
  }
}

/** zlib, which PDF calls FlateDecode. */
async function deflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
