// Answers `--version` and `--standard-json` as the native compiler does. It must not call process.exit: that would cut
// the output at 64 KB where standard output is a pipe.
const solc = require("solc");

if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (process.argv.includes("--standard-json")) {
  process.stdout.write(solc.compile(require("fs").readFileSync(0, "utf8")));
} else {
  console.error("solc wrapper: only --version and --standard-json");
  process.exitCode = 64;
}
