// Runs a compiled entry of dist/, after building it if the sources are newer: `node scripts/run.mjs main --config FILE`.
// An entry that ends with .ts is no part of dist/ and is run as it is.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [node, , entry, ...args] = process.argv;

if (isStale()) build();
if (mayShowExplorer()) await import("./build-explorer.mjs");
// Compiled code is kept between starts, which saves about a third of the start.
module.enableCompileCache?.(join(root, "node_modules/.cache/compile"));
const file = entry.endsWith(".ts") ? join(root, entry) : join(root, "dist", `${entry}.js`);
process.argv = [node, file, ...args];
await import(pathToFileURL(file).href);

function isStale() {
  const built = timeOf(join(root, "dist/.built"));
  const sources = ["package.json", "tsconfig.json", "tsconfig.build.json", ...filesBelow("src")];
  return sources.some((source) => timeOf(join(root, source)) > built);
}

function build() {
  // A first start, or one after a change, takes longer: whoever waits shall know why.
  console.error("Compiling …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const { status } = spawnSync(npm, ["run", "--silent", "build:server"], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(join(root, "dist/.built"), "");
}

/** Bundling the page takes longer than all else that a first start builds: it is done for whoever may want to see it. */
function mayShowExplorer() {
  if (entry !== "main") return entry === "examples/supergraph/demo.ts";
  const options = { config: { type: "string" } };
  const { values } = parseArgs({ args, options, strict: false });
  const config = values.config ?? process.env.SUBGRAPH_CONFIG;
  try {
    return /\bexplorer["']?\s*:\s*(?!false\b)/.test(readFileSync(config, "utf8"));
  } catch {
    // The program itself says what is wrong with its arguments.
    return false;
  }
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name));
}

function timeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
