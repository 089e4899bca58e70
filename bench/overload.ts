// What five times the load that the processor can do comes to: `npm run bench -- overload [seconds]`.
// Promised: /livez and /readyz within 200 ms, and answers go on.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Emulated } from "./emulator-process.ts";
import type { LoadOptions, LoadResult } from "./load-process.ts";
import type { Listening } from "./overload-process.ts";
import type { ProbeResult } from "./probe-process.ts";

const SECONDS = Number(process.argv[2] ?? 8);
const TIMES_THE_CAPACITY = 5;
const HEALTH_WITHIN_MS = 200;
const CAPACITY_CONNECTIONS = 16;
const MOST_CONNECTIONS = 3_000;

interface Shape {
  readonly name: string;
  /** Certificates in one request, each in the cache. */
  readonly count: number;
  readonly isReconnecting?: boolean;
}

const SHAPES: readonly Shape[] = [
  { name: "1 certificate", count: 1 },
  { name: "1, a connection each", count: 1, isReconnecting: true },
  { name: "100 certificates", count: 100 },
  { name: "1,000 certificates", count: 1_000 },
];

const emulator = fork(new URL("emulator-process.js", import.meta.url), [
  JSON.stringify({ fleetSize: 1_000, quotas: "off" }),
]);
const [emulated] = (await once(emulator, "message")) as [Emulated];
const ids = emulated.ids["tencent-mqtt"] ?? [];
const subgraph = fork(new URL("overload-process.js", import.meta.url), [toConfig()], {
  env: { ...process.env, NODE_ENV: "production" },
});
const [{ url, adminUrl }] = (await once(subgraph, "message")) as [Listening];
await fillCache();

let worstHealthMs = 0;
console.log(
  "| request | capacity | goodput at five times | answered p50, p99, worst | refused | refusals p50, p99, worst | /livez p50, p99, worst | /readyz |",
);
console.log(`|${" --- |".repeat(8)}`);
for (const shape of SHAPES.filter((s) => s.name.startsWith(process.argv[3] ?? "")))
  await measure(shape);
const isKept = worstHealthMs <= HEALTH_WITHIN_MS;
console.log(`\npromise: ${isKept ? "kept" : "BROKEN"}, health within ${HEALTH_WITHIN_MS} ms`);
process.exitCode = isKept ? 0 : 1;
subgraph.disconnect();
emulator.disconnect();

async function measure({ name, count, isReconnecting = false }: Shape): Promise<void> {
  const body = toBody(ids.slice(0, count));
  const common = { url, body, isReconnecting };
  await load({ ...common, connections: CAPACITY_CONNECTIONS, ms: 1_000 });
  const { goodPerSecond: capacity } = await load({
    ...common,
    connections: CAPACITY_CONNECTIONS,
    ms: SECONDS * 500,
  });
  await sleep(500);

  const probe = fork(new URL("probe-process.js", import.meta.url), [adminUrl]);
  const probed = once(probe, "message") as Promise<[ProbeResult]>;
  await sleep(500);
  const perSecond = capacity * TIMES_THE_CAPACITY;
  const ms = SECONDS * 1000;
  const flooded = await load({ ...common, perSecond, connections: MOST_CONNECTIONS, ms });
  probe.send("stop");
  const [health] = await probed;
  worstHealthMs = Math.max(worstHealthMs, ...health["/livez"], ...health["/readyz"]);

  const { "200": answered = [], "503": refused = [], ...others } = flooded.byStatus;
  const asked = Object.values(flooded.byStatus).flat().length;
  console.log(
    `| ${[
      name,
      `${capacity.toFixed(0)}/s`,
      `${flooded.goodPerSecond.toFixed(0)}/s, ${((100 * flooded.goodPerSecond) / capacity).toFixed(0)} %`,
      toTimes(answered),
      `${((100 * refused.length) / asked).toFixed(0)} %`,
      toTimes(refused),
      toTimes(health["/livez"]),
      toTimes(health["/readyz"]),
    ].join(" | ")} |`,
  );
  const odd = Object.entries(others).map(([status, list]) => `${list.length} times ${status}`);
  if (flooded.unanswered > 0) odd.push(`${flooded.unanswered} without an answer`);
  if (odd.length > 0) console.log(`  beside these: ${odd.join(", ")}`);
}

async function load(options: LoadOptions): Promise<LoadResult> {
  const child: ChildProcess = fork(new URL("load-process.js", import.meta.url));
  child.send(options);
  const [result] = (await once(child, "message")) as [LoadResult];
  return result;
}

function toTimes(milliseconds: readonly number[]): string {
  if (milliseconds.length === 0) return "none";
  const sorted = milliseconds.toSorted((left, right) => left - right);
  const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)]?.toFixed(0);
  return `${at(0.5)}, ${at(0.99)}, ${at(1)} ms`;
}

async function fillCache(): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: toBody(ids),
  });
  const { errors } = (await response.json()) as { errors?: readonly unknown[] };
  if (errors !== undefined) throw new Error(JSON.stringify(errors[0]));
}

function toBody(wanted: readonly string[]): string {
  return JSON.stringify({
    query: `query Certificates($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on DeviceCertificate {
      id status
      ... on X509DeviceCertificate { serialNumber commonName notAfter daysUntilExpiry pem }
    }
  }
}`,
    variables: {
      representations: wanted.map((id) => ({ __typename: "TencentMqttDeviceCertificate", id })),
    },
  });
}

function toConfig(): string {
  const { accessKeyId, accessKeySecret } = emulated.credentials["tencent"]?.static ?? {};
  return JSON.stringify({
    server: { port: 0, adminPort: 0, drainSeconds: 0 },
    connections: [
      {
        cloud: "tencent",
        region: "ap-guangzhou",
        credentials: { accessKeyId, accessKeySecret },
        endpoints: emulated.origins["tencent"],
      },
    ],
  });
}
