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
  legalComments: "linked",
  metafile: true,
});

const outputs = Object.entries(metafile.outputs).filter(([, { entryPoint }]) => entryPoint);
const manifest = Object.fromEntries(outputs.map(([file, { entryPoint }]) => [basename(entryPoint), basename(file)]));
for (const name of readdirSync(OUT).filter((file) => !file.endsWith(".txt")))
  writeFileSync(join(OUT, `${name}.gz`), gzipSync(readFileSync(join(OUT, name)), { level: 9 }));
writeFileSync(join(OUT, "manifest.json"), JSON.stringify(manifest, null, 2)); // last: it says that the build is whole
