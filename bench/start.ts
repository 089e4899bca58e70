// How long a start takes and how much memory it leaves taken, beside a bare server with the same libraries:
// `npm run bench -- start [pairs]`.
// Promised: less than 1.5 times the bare server's time, less than 180 MB.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const PAIRS = Number(process.argv[2] ?? 15);
const MAX_RATIO = 1.5;
const MAX_MEGABYTES = 180;
const REST_MS = 3_000;

const CONFIG = `
server: { port: 0, adminPort: 0, drainSeconds: 0 }
connections:
  - cloud: tencent
    region: ap-guangzhou
    credentials: { accessKeyId: id, accessKeySecret: secret }
  - cloud: aliyun
    region: cn-shanghai
    credentials: { accessKeyId: id, accessKeySecret: secret }
`;

const root = process.cwd();
const compiled = fileURLToPath(new URL(".", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "bench-start-"));
const config = join(folder, "config.yaml");
await writeFile(config, CONFIG);

interface Contestant {
  readonly name: string;
  readonly args: readonly string[];
  readonly milliseconds: number[];
  readonly megabytes: number[];
}

const contestants: readonly Contestant[] = [
  toContestant("this subgraph", "scripts/run.mjs", "main", "--config", config),
  toContestant("bare server", join(compiled, "bare-server.js")),
  // As if its author had thought of V8's compile cache too.
  toContestant("bare server with compile cache", await writeCachedEntry()),
];

try {
  // The first start of each builds and fills caches, and is not counted.
  for (const contestant of contestants) {
    await start(contestant, false);
    contestant.milliseconds.length = 0;
  }
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const order = pair % 2 === 0 ? contestants : contestants.toReversed();
    for (const contestant of order) await start(contestant, pair < 3);
  }
  report();
} finally {
  await rm(folder, { recursive: true });
}

function toContestant(name: string, ...args: readonly string[]): Contestant {
  return { name, args, milliseconds: [], megabytes: [] };
}

/** One start, from spawning the process until it says that it is ready. */
async function start({ args, milliseconds, megabytes }: Contestant, rests: boolean): Promise<void> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  try {
    await saidReady(child);
    milliseconds.push(performance.now() - startedAt);
    if (rests) {
      await sleep(REST_MS);
      megabytes.push(await readResidentMegabytes(child.pid ?? 0));
    }
  } finally {
    // Not killed: what is compiled is written to the cache at the end of a process.
    child.kill("SIGTERM");
    await exited;
  }
}

async function saidReady(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error("a child without output");
  for await (const line of createInterface({ input: child.stdout })) {
    if (/\bready\b/.test(line)) return;
  }
  throw new Error("the server ended before it was ready");
}

/** Linux tells it in /proc, others through ps. */
async function readResidentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kilobytes =
    /^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? execFileSync("ps", ["-o", "rss=", "-p", String(pid)]);
  return Number(kilobytes) / 1024;
}

async function writeCachedEntry(): Promise<string> {
  const entry = join(compiled, "cached-bare-server.mjs");
  await writeFile(
    entry,
    `import module from "node:module";
module.enableCompileCache(${JSON.stringify(join(folder, "compile"))});
await import("./bare-server.js");
module.flushCompileCache();
`,
  );
  return entry;
}

function report(): void {
  const [ours, ...peers] = contestants;
  if (ours === undefined) return;
  const ourMs = toMedian(ours.milliseconds);
  const megabytes = toMedian(ours.megabytes);
  for (const { name, milliseconds } of contestants) {
    const [least, most] = [Math.min(...milliseconds), Math.max(...milliseconds)];
    print(name, `${ms(toMedian(milliseconds))} (${ms(least)} to ${ms(most)})`);
  }
  for (const { name, milliseconds } of peers) {
    print(`ratio to the ${name}`, (ourMs / toMedian(milliseconds)).toFixed(2));
  }
  print("resident at rest", `${megabytes.toFixed(0)} MB`);
  const ratio = ourMs / toMedian(peers[0]?.milliseconds ?? []);
  const isKept = ratio < MAX_RATIO && megabytes < MAX_MEGABYTES;
  print("promise", `${isKept ? "kept" : "BROKEN"}: below ${MAX_RATIO} and ${MAX_MEGABYTES} MB`);
  process.exitCode = isKept ? 0 : 1;
}

function toMedian(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(46)}${value}\n`);
}
