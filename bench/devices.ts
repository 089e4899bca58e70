// Cloud calls and time for many devices at once, beside one call a device in the resolver:
// `npm run bench -- devices [one-way ms] [jitter ms]`.
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Emulated } from "./emulator-process.ts";
import { startOurs } from "./own-server.ts";

const [latencyMs = 30, jitterMs = 20] = process.argv.slice(2).map(Number);
const COUNTS = [1, 100, 1000, 5000];
const PREFIX = "tencent-mqtt";
/** What the cloud takes of the calls for one certificate, so that the peer is not refused. */
const SINGLE_CALLS_PER_SECOND = 20;
const QUOTA_REST_MS = 1_500;
const MAX_TRIES = 10;

/** Each count has a fleet of its own: what is cold for one must not be warm by another. */
async function measure(count: number): Promise<void> {
  const emulator = fork(new URL("emulator-process.js", import.meta.url), [
    JSON.stringify({ fleetSize: count, latencyMs, jitterMs, seed: `devices ${count}` }),
  ]);
  const [emulated] = (await once(emulator, "message")) as [Emulated];
  const { accessKeyId, accessKeySecret } = emulated.credentials["tencent"]?.static ?? {};
  const start = () =>
    startOurs({
      server: { port: 0, adminPort: 0 },
      answer: { withinMs: 60_000, maxEntities: count },
      connections: [
        {
          cloud: "tencent",
          region: "ap-guangzhou",
          credentials: { accessKeyId, accessKeySecret },
          endpoints: emulated.origins["tencent"],
        },
      ],
    });
  const ids = emulated.ids[PREFIX] ?? [];
  // The emulator makes each certificate when it is first asked for, which is no part of the measurement.
  await askUntilComplete(await start(), emulated, ids);
  await sleep(QUOTA_REST_MS);
  const url = await start();
  const cold = await ask(url, emulated, ids);
  const warm = await ask(url, emulated, ids);
  const aloneMs = (count / SINGLE_CALLS_PER_SECOND) * 1000;
  console.log(
    `| ${[
      count,
      `${cold.calls}, ${cold.ms.toFixed(0)} ms`,
      `${warm.calls}, ${warm.ms.toFixed(0)} ms`,
      `${count}, at least ${aloneMs.toFixed(0)} ms`,
      `${(count / cold.calls).toFixed(0)}`,
    ].join(" | ")} |`,
  );
  emulator.disconnect();
}

async function askUntilComplete(...args: Parameters<typeof ask>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await ask(...args);
      return;
    } catch (error) {
      if (tries === MAX_TRIES) throw error;
    }
  }
}

async function ask(
  url: string,
  { controlOrigin }: Emulated,
  ids: readonly string[],
): Promise<{ readonly calls: number; readonly ms: number }> {
  await fetch(`${controlOrigin}/calls`, { method: "DELETE" });
  const startedAtMs = performance.now();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      query: `query ($representations: [_Any!]!) {
        _entities(representations: $representations) {
          ... on X509DeviceCertificate { id status subject notAfter pem }
        }
      }`,
      variables: { representations: ids.map((id) => ({ __typename: "DeviceCertificate", id })) },
    }),
  });
  const { data, errors } = (await response.json()) as {
    data?: { _entities: readonly unknown[] };
    errors?: readonly unknown[];
  };
  const ms = performance.now() - startedAtMs;
  if (errors !== undefined || data?._entities.includes(null)) {
    throw new Error(`not everything was answered: ${JSON.stringify(errors?.[0])}`);
  }
  const calls = (await (await fetch(`${controlOrigin}/calls`)).json()) as Record<
    string,
    Record<string, { readonly arrived: number }>
  >;
  const arrived = Object.values(calls).flatMap((actions) => Object.values(actions));
  return { calls: arrived.reduce((sum, one) => sum + one.arrived, 0), ms };
}

console.log("| devices | cold: cloud calls, time | warm | one call a device | fewer calls by |");
console.log("| --- | --- | --- | --- | --- |");
for (const count of COUNTS) await measure(count);
process.exit(0);
