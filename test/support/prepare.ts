// Before the first test: what tests share that must not be made by several of them at once.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Programs that tests start, and the Debian packages that bring them. */
const PROGRAMS = { "redis-server": "redis-server", openssl: "openssl", chromium: "chromium" };

/** Called by vitest once for the whole run. */
export function setup(): void {
  // Builds what is missing.
  run("node", ["scripts/run.mjs", "print-schema", "--check"]);
  run("node", ["scripts/build-explorer.mjs"]);
  const missing = Object.entries(PROGRAMS).flatMap(([program, name]) =>
    spawnSync(program, ["--version"]).error === undefined ? [] : [name],
  );
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Error(`The tests need these programs: apt-get install ${missing.join(" ")}`);
  }
  run("apt-get", ["update", "-qq"]);
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing]);
}

function run(command: string, args: readonly string[]): void {
  // Debian starts an installed server at once, unless it is told that this is no time for it.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`);
}
