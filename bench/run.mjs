// Compiles the benchmarks with the sources that they use, and runs one: `npm run bench -- start`.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [node, , name, ...args] = process.argv;
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && !/-(server|process)\.ts$/.test(file))
  .map((file) => file.slice(0, -".ts".length));

if (names.includes(name)) {
  const npx = process.platform === "win32" ? "npx.cmd" : "npx";
  const { status } = spawnSync(npx, ["tsc", "-p", "bench"], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
  const file = join(root, "node_modules/.cache/bench/bench", `${name}.js`);
  process.argv = [node, file, ...args];
  await import(pathToFileURL(file).href);
} else {
  process.stderr.write(`Usage: npm run bench -- ${names.join(" | ")} [arguments]\n`);
  process.exitCode = 2;
}
