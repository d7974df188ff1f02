// Builds the pages' scripts and styles into dist/: names with hashes, a manifest, and gzip copies. `node build.mjs`

import { gzipSync } from "node:zlib";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const HERE = import.meta.dirname;
const OUT = join(HERE, "dist");
const ENTRIES = ["pages/verify.js", "pages/redeem.js", "pages/supplier.js", "pages/audit.js", "workers/mint.js", "styles/main.css", "styles/chart.css"];

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT);
const { metafile } = await build({
  entryPoints: ENTRIES.map((entry) => join(HERE, entry)),
  absWorkingDir: HERE,
  outdir: OUT,
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome120", "firefox121", "safari17"],
  minify: true,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".wasm": "file" },
  publicPath: "/static",
  legalComments: "none", // the whole licences are in LICENSES.txt
  metafile: true,
});

const outputs = Object.entries(metafile.outputs).filter(([, { entryPoint }]) => entryPoint);
const names = Object.fromEntries(outputs.map(([file, { entryPoint }]) => [basename(entryPoint), basename(file)]));
const imports = Object.fromEntries(outputs.map(([file, { entryPoint }]) => [basename(entryPoint), needed(file)]));
writeFileSync(join(OUT, "LICENSES.txt"), licences());
for (const name of readdirSync(OUT)) writeFileSync(join(OUT, `${name}.gz`), gzipSync(readFileSync(join(OUT, name)), { level: 9 }));
writeFileSync(join(OUT, "manifest.json"), JSON.stringify({ names, imports }, null, 2)); // last: it says that the build is whole

/** The chunks that a script cannot start without, so that the page can ask for all at once. */
function needed(file, found = new Set()) {
  for (const { path, kind } of metafile.outputs[file].imports)
    if (kind === "import-statement" && !found.has(path)) needed(path, found.add(path));
  return [...found].map((path) => basename(path));
}

/** The licence of each package that something was taken from. */
function licences() {
  const packages = new Set(Object.keys(metafile.inputs).flatMap((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []));
  return [...packages].sort().map((name) => {
    const folder = join(HERE, "node_modules", name);
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const texts = readdirSync(folder).filter((file) => /^licen[cs]e/i.test(file)).map((file) => readFileSync(join(folder, file), "utf8"));
    return [`${name} ${version}`, ...texts].join("\n\n");
  }).join("\n\n----\n\n");
}
