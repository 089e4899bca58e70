// Four replicas that share a quota through Redis: use, refusals, shares, commands, and what a killed Redis does.
// `npm run bench -- replicas [one-way ms] [jitter ms]`; needs redis-server.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Emulated } from "./emulator-process.ts";

const [latencyMs = 30, jitterMs = 20] = process.argv.slice(2).map(Number);
const REPLICAS = 4;

const port = await findFreePort();
let redisServer = await startRedis();
process.on("exit", () => redisServer.kill());
const emulator = fork(new URL("emulator-process.js", import.meta.url), [
  JSON.stringify({
    fleetSize: 8_000,
    latencyMs,
    jitterMs,
    quotas: { callsPerSecondAndSourceAddress: 1_000, callsPerSecond: { GetDeviceCredential: 300 } },
  }),
]);
const [emulated] = (await once(emulator, "message")) as [Emulated];
const children: ChildProcess[] = [];
const urls: string[] = [];
for (let n = 0; n < REPLICAS; n += 1) {
  const child = fork(new URL("replica-process.js", import.meta.url), [JSON.stringify(toConfig())]);
  const [url] = (await once(child, "message")) as [string];
  children.push(child);
  urls.push(url);
}
await sleep(3_000);

const ids = (prefix: string) => emulated.ids[prefix] ?? [];
const part = (all: readonly string[], n: number) => all.slice(n * 2_000, (n + 1) * 2_000);
for (const url of urls) {
  void ask(url, [...ids("aliyun-iot").slice(-1), ...ids("aliyun-mqtt").slice(-1)]);
}
await sleep(1_500);
await fetch(`${emulated.controlOrigin}/calls`, { method: "DELETE" });
const monitor = new Redis(port, "127.0.0.1");
monitor.on("error", () => {});
const commandsBefore = await countCommands();
const startedAtMs = performance.now();
for (const [n, url] of urls.entries()) {
  void ask(url, part(ids("aliyun-iot"), n));
  void ask(url, part(ids("aliyun-mqtt"), n));
}
let last = await readCounts();
for (let second = 1; second <= 18; second += 1) {
  await sleep(startedAtMs + second * 1000 - performance.now());
  const counts = await readCounts();
  const shares = await readShares();
  const line = Object.keys(counts)
    .map((action) => {
      const { arrived = 0, throttled = 0, maxCallsInAnySecond = 0 } = counts[action] ?? {};
      return `${action} +${arrived - (last[action]?.["arrived"] ?? 0)} refused ${throttled} most ${maxCallsInAnySecond}`;
    })
    .join(" | ");
  console.log(`${second} s: ${line} | shares ${shares}`);
  last = counts;
  if (second === 8) {
    const granted = Object.values(counts).reduce((sum, { arrived = 0 }) => sum + arrived, 0);
    const commands = (await countCommands()) - commandsBefore;
    console.log(`commands a granted call: ${(commands / granted).toFixed(2)}`);
    redisServer.kill("SIGKILL");
    console.log("Redis killed");
  }
  if (second === 11) {
    redisServer = await startRedis();
    console.log("Redis started again, empty");
  }
}
for (const child of [...children, emulator]) child.disconnect();
redisServer.kill();
process.exit(0);

function toConfig(): unknown {
  return {
    server: { port: 0, adminPort: 0 },
    answer: { withinMs: 20_000, maxEntities: 10_000 },
    redis: { url: `redis://127.0.0.1:${port}` },
    connections: ["tencent", "aliyun"].map((cloud) => {
      const { accessKeyId, accessKeySecret } = emulated.credentials[cloud]?.static ?? {};
      return {
        cloud,
        region: cloud === "tencent" ? "ap-guangzhou" : "cn-shanghai",
        credentials: { accessKeyId, accessKeySecret },
        endpoints: emulated.origins[cloud],
        quota: { perSecond: cloud === "aliyun" ? { GetDeviceCredential: 300 } : {} },
      };
    }),
  };
}

async function ask(url: string, asked: readonly string[]): Promise<void> {
  const query = "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id } }";
  const body = JSON.stringify({ query, variables: { ids: asked } });
  const headers = { "content-type": "application/json" };
  await fetch(url, { method: "POST", headers, body }).then((response) => response.text());
}

async function readCounts(): Promise<Record<string, Record<string, number>>> {
  const all = (await (await fetch(`${emulated.controlOrigin}/calls`)).json()) as Record<
    string,
    Record<string, Record<string, number>>
  >;
  return Object.assign({}, all["aliyun-iot"], all["aliyun-mqtt"]);
}

async function readShares(): Promise<string> {
  const query = "{ providerQuotas { action callsToday } }";
  const shares = await Promise.all(
    urls.map(async (url) => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query }),
      });
      const { data } = (await response.json()) as {
        data: { providerQuotas: { action: string; callsToday: number }[] };
      };
      return data.providerQuotas
        .filter(({ action }) => /QueryDevice|Credential/.test(action))
        .map(({ callsToday }) => callsToday)
        .join("/");
    }),
  );
  return shares.join(" ");
}

async function countCommands(): Promise<number> {
  const info = await monitor.info("commandstats");
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0);
}

async function startRedis(): Promise<ChildProcess> {
  const options = [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--loglevel",
    "warning",
  ];
  const server = spawn("redis-server", options, { stdio: "ignore" });
  const probe = new Redis(port, "127.0.0.1", { retryStrategy: () => 20 });
  probe.on("error", () => {});
  // Not `once`: that gives up at the first refused connection.
  await new Promise((resolve) => probe.once("ready", resolve));
  probe.disconnect();
  return server;
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
