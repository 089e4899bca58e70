// How much of each quota is used, and whether it is ever exceeded, with the clouds 60 ms away:
// `npm run bench -- quota [one-way ms] [jitter ms] [seconds]`. Counted from the first call of each kind that arrives.
import "reflect-metadata";
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createConfigSchema } from "../src/config/index.ts";
import { createLog } from "../src/log.ts";
import { products } from "../src/providers/index.ts";
import { startServer } from "../src/server/server.ts";
import type { Emulated } from "./emulator-process.ts";

const [latencyMs = 30, jitterMs = 20, seconds = 10] = process.argv.slice(2).map(Number);

const child = fork(new URL("emulator-process.js", import.meta.url), [
  JSON.stringify({ fleetSize: 8000, latencyMs, jitterMs }),
]);
const [emulated]: [Emulated] = (await once(child, "message")) as [Emulated];

const config = createConfigSchema(products).parse({
  server: { port: 0, adminPort: 0 },
  answer: { withinMs: (seconds + 2) * 1000, maxEntities: 10_000 },
  connections: ["tencent", "aliyun"].map((cloud) => {
    const { accessKeyId, accessKeySecret } = emulated.credentials[cloud]?.static ?? {};
    return {
      cloud,
      region: cloud === "tencent" ? "ap-guangzhou" : "cn-shanghai",
      credentials: { accessKeyId, accessKeySecret },
      endpoints: emulated.origins[cloud],
    };
  }),
});
const server = await startServer({ config, products, log: createLog("warn") });

async function ask(
  ids: readonly string[],
  fields: string,
): Promise<{ ms: number; errors: number }> {
  const started = performance.now();
  const response = await fetch(server.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      query: `query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id ${fields} } }`,
      variables: { ids },
    }),
  });
  const { errors = [] } = (await response.json()) as { errors?: unknown[] };
  return { ms: performance.now() - started, errors: errors.length };
}

const of = (prefix: string, from: number, to: number) =>
  (emulated.ids[prefix] ?? []).slice(from, to);
type Counts = Record<string, Record<string, number>>;

const QUOTAS = { QueryDeviceCert: 10, DescribeCertificate: 10, GetDeviceCredential: 300 };

async function readCounts(): Promise<Counts> {
  const response = await fetch(`${emulated.controlOrigin}/calls`);
  const all = (await response.json()) as Record<string, Counts>;
  return Object.assign({}, ...Object.values(all));
}

async function measure(action: string, quota: number): Promise<string> {
  let counts = await readCounts();
  while (!counts[action]?.["arrived"]) {
    await sleep(5);
    counts = await readCounts();
  }
  const firstAtMs = performance.now();
  await sleep(seconds * 1000);
  const { arrived = 0, throttled, maxCallsInAnySecond } = (await readCounts())[action] ?? {};
  const used = ((arrived / quota / (performance.now() - firstAtMs)) * 100_000).toFixed(1);
  const afterMs = (firstAtMs - startedAtMs).toFixed(0);
  return `${action}: ${arrived} of ${quota} a second (${used} %), refused ${throttled}, most in any second ${maxCallsInAnySecond}, first after ${afterMs} ms`;
}

// Connections and code are warm, and the quotas whole again.
await ask(
  Object.keys(emulated.ids).flatMap((prefix) => of(prefix, 7000, 7005)),
  "status",
);
await sleep(1500);
await fetch(`${emulated.controlOrigin}/calls`, { method: "DELETE" });
const startedAtMs = performance.now();
const load = Promise.all([
  ask(of("aliyun-iot", 0, 1000), "status"),
  ask(of("tencent-ssl", 0, 1000), "... on TencentSslCertificate { orderId }"),
  // As many in one question as are allowed by default.
  ...[0, 1, 2, 3, 4, 5].map((n) => ask(of("aliyun-mqtt", n * 1000, (n + 1) * 1000), "status")),
]);
const measured = Promise.all(
  Object.entries(QUOTAS).map(([action, quota]) => measure(action, quota)),
);
const alone: number[] = [];
for (let n = 0; performance.now() - startedAtMs < (seconds - 2) * 1000; n += 1) {
  await sleep(150 + 300 * Math.random());
  alone.push((await ask(of("aliyun-iot", 2000 + n, 2001 + n), "status")).ms);
}
for (const line of await measured) console.log(line);
await load;
alone.sort((a, b) => a - b);
console.log(
  `one device meanwhile: median ${alone[alone.length >> 1]?.toFixed(0)} ms, worst ${alone.at(-1)?.toFixed(0)} ms`,
);
await server.close();
child.disconnect();
process.exit(0);
