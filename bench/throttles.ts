// How much of a quota limiters use, and how often the cloud refuses them, one process and four, ours beside its peers.
// `npm run bench -- throttles [seconds]`; needs redis-server. The cloud counts any one second by arrival, 60 ms give or take 40 away.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { LIMITS, type LimiterName, type Work } from "./throttle-process.ts";

const [seconds = 15] = process.argv.slice(2).map(Number);
const ONE_WAY_MS = 30;
const JITTER_MS = 20;
const LIMITERS: readonly LimiterName[] = [
  "ours",
  "bottleneck",
  "p-throttle",
  "rate-limiter-flexible",
  "naive loop",
];

interface Count {
  arrived: number;
  refused: number;
  takenAtMs: number[];
  byReplica: Map<string, number>;
}

let counts = new Map<string, Count>();
const cloud = createServer((request, response) => {
  void serve(request.url ?? "", (status) => response.writeHead(status).end());
}).listen(0, "127.0.0.1");
await once(cloud, "listening");
const cloudPort = toPort(cloud.address());
const redisPort = await findFreePort();
const redis = await startRedis(redisPort);

const header = ["limiter", "processes", ...LIMITS.map((limit) => `${limit}/s used, refused`)];
console.log(`${header.join(" | ")} | fewest : most calls of a process, at ${LIMITS.join(", ")}/s`);
const usedByOurs = new Map<string, number>();
const lines: string[] = [];
for (const processes of [1, 4]) {
  for (const limiter of LIMITERS) {
    counts = new Map();
    await load(limiter, processes);
    const cells = LIMITS.map((limit) => {
      const { arrived = 0, refused = 0 } = counts.get(String(limit)) ?? {};
      const taken = arrived - refused;
      const used = taken / (limit * seconds);
      const key = `${processes} ${limit}`;
      if (limiter === "ours") usedByOurs.set(key, used);
      else
        lines.push(
          `${limiter}, ${processes}: ${(used / (usedByOurs.get(key) ?? 1)).toFixed(2)} of ours at ${limit}/s`,
        );
      return `${(used * 100).toFixed(1)} %, ${((refused / Math.max(1, arrived)) * 100).toFixed(1)} %`;
    });
    const shares = LIMITS.map((limit) => {
      const each = [...(counts.get(String(limit))?.byReplica.values() ?? [])];
      return processes === 1 ? "" : `${Math.min(...each)} : ${Math.max(...each)}`;
    });
    console.log([limiter, processes, ...cells, shares.join(", ")].join(" | "));
  }
}
console.log(`calls that the cloud took, as a part of ours in the same run:\n${lines.join("\n")}`);
redis.kill();
process.exit(0);

async function load(limiter: LimiterName, processes: number): Promise<void> {
  const children: ChildProcess[] = [];
  for (let replica = 0; replica < processes; replica += 1) {
    const work: Work = { limiter, replica, processes, seconds, cloudPort, redisPort };
    children.push(fork(new URL("throttle-process.js", import.meta.url), [JSON.stringify(work)]));
  }
  await Promise.all(children.map((child) => once(child, "message")));
  counts = new Map();
  for (const child of children) child.send("start");
  // What arrives later does not count.
  await sleep(seconds * 1_000);
  const measured = counts;
  await Promise.all(
    children.map(async (child) => {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }),
  );
  counts = measured;
  await sleep(1_200);
  await flushRedis();
}

/** The first calls of each second pass; a refused call does not count. */
async function serve(url: string, answer: (status: number) => void): Promise<void> {
  const target = counts;
  await sleep(travelMs());
  const [, key = "", replica = ""] = url.split("/");
  const count: Count = target.get(key) ?? {
    arrived: 0,
    refused: 0,
    takenAtMs: [],
    byReplica: new Map(),
  };
  target.set(key, count);
  const now = performance.now();
  while ((count.takenAtMs[0] ?? now) <= now - 1_000) count.takenAtMs.shift();
  const isTaken = count.takenAtMs.length < Number(key);
  count.arrived += 1;
  if (isTaken) {
    count.takenAtMs.push(now);
    count.byReplica.set(replica, (count.byReplica.get(replica) ?? 0) + 1);
  } else {
    count.refused += 1;
  }
  await sleep(travelMs());
  answer(isTaken ? 200 : 429);
}

function travelMs(): number {
  return ONE_WAY_MS + (Math.random() * 2 - 1) * JITTER_MS;
}

async function startRedis(port: number): Promise<ChildProcess> {
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", ""];
  const server = spawn("redis-server", options, { stdio: "ignore" });
  process.on("exit", () => server.kill());
  const probe = new Redis(port, "127.0.0.1", { retryStrategy: () => 20 });
  probe.on("error", () => {});
  await new Promise((resolve) => probe.once("ready", resolve));
  probe.disconnect();
  return server;
}

async function flushRedis(): Promise<void> {
  const client = new Redis(redisPort, "127.0.0.1");
  await client.flushall();
  client.disconnect();
}

async function findFreePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = toPort(server.address());
  server.close();
  return port;
}

function toPort(address: unknown): number {
  if (typeof address === "object" && address !== null && "port" in address) {
    return Number(address.port);
  }
  throw new Error("no port was given");
}
