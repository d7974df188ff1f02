// Builds verify.html, one file that needs nothing else: `node build-standalone.mjs FILE [PIN]`. PIN is the registry that it
// trusts, as JSON: {"chainId": 10, "registry": "0x…"}.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const HERE = import.meta.dirname;
const PREFIXES = ["common.", "verify.", "verdict.", "step.", "tier.", "terms.", "voucher.", "registry.", "event.", "rpc.", "certificate.", "reason.", "error.", "standalone."];

async function bundle(entry) {
  const options = { bundle: true, write: false, minify: true, format: "esm", target: ["chrome120", "firefox121", "safari17"], legalComments: "inline" };
  const { outputFiles } = await build({ ...options, entryPoints: [join(HERE, entry)], absWorkingDir: HERE });
  return outputFiles[0].text.replaceAll("</", "<\\/").trimEnd();
}

function texts(language) {
  const all = JSON.parse(readFileSync(join(HERE, "locales", `${language}.json`), "utf8"));
  const used = Object.entries(all).filter(([key]) => PREFIXES.some((prefix) => key.startsWith(prefix)));
  const json = JSON.stringify(Object.fromEntries(used)).replaceAll("<", "\\u003c");
  return `<script type="application/json" id="texts-${language}">${json}</script>`;
}

const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const [script, style] = await Promise.all([bundle("standalone/verify.js"), bundle("styles/main.css")]);
const parts = { script, style, "script-hash": hash(script), "style-hash": hash(style), texts: ["en", "zh-CN"].map(texts).join("\n"), pin: JSON.stringify(JSON.parse(process.argv[3] ?? "null")) };
const page = readFileSync(join(HERE, "standalone", "verify.html"), "utf8").replace(/{{([\w-]+)}}/g, (_, name) => parts[name]);
writeFileSync(process.argv[2], page);
