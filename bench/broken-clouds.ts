// One cloud product of four breaks under load: what the callers notice, what the cloud is asked, and what is left behind
// afterwards: `npm run bench -- broken-clouds [answer.withinMs]`.
import { fork } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Holdings } from "./broken-clouds-process.ts";
import type { Emulated } from "./emulator-process.ts";

const [withinMs = 4_000] = process.argv.slice(2).map(Number);
const BROKEN = "aliyun-iot";
const ACTION = "QueryDeviceCert";
const OTHERS = ["tencent-mqtt", "tencent-ssl", "aliyun-mqtt"];
const QUESTIONS = 300;
const AT_REST_MS = 5_000;

const emulator = fork(new URL("emulator-process.js", import.meta.url), [
  JSON.stringify({ fleetSize: 6_000, latencyMs: 30, jitterMs: 20 }),
]);
const [emulated] = (await once(emulator, "message")) as [Emulated];
const subgraph = fork(new URL("broken-clouds-process.js", import.meta.url), [
  JSON.stringify({
    server: { port: 0, adminPort: 0 },
    answer: { withinMs },
    connections: ["tencent", "aliyun"].map((cloud) => ({
      cloud,
      region: cloud === "tencent" ? "ap-guangzhou" : "cn-shanghai",
      credentials: {
        accessKeyId: emulated.credentials[cloud]?.static.accessKeyId,
        accessKeySecret: emulated.credentials[cloud]?.static.accessKeySecret,
      },
      endpoints: emulated.origins[cloud],
    })),
  }),
]);
const [url] = (await once(subgraph, "message")) as [string];

interface Answer {
  readonly ms: number;
  readonly errors: readonly { readonly extensions: { readonly code: string } }[];
}

/** On a connection of its own, so that those that the callers keep open do not count as left behind. */
async function post(query: string, variables: object = {}) {
  const outgoing = request(url, {
    method: "POST",
    agent: false,
    headers: { "content-type": "application/json", connection: "close" },
  });
  outgoing.end(JSON.stringify({ query, variables }));
  const [response] = await once(outgoing, "response");
  return json(response) as Promise<{ data?: unknown; errors?: Answer["errors"] }>;
}

async function ask(ids: readonly string[]): Promise<Answer> {
  const startedAtMs = performance.now();
  const { errors = [] } = await post(
    "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id stale } }",
    { ids },
  );
  return { ms: performance.now() - startedAtMs, errors };
}

/** Certificates of a product that were not asked for before. */
const taken = new Map<string, number>();
function takeIds(prefix: string, count: number): string[] {
  const from = taken.get(prefix) ?? 0;
  taken.set(prefix, from + count);
  return (emulated.ids[prefix] ?? []).slice(from, from + count);
}

async function readCircuit(): Promise<string> {
  const { data } = await post("{ providerQuotas { action circuit } }");
  const { providerQuotas } = data as { providerQuotas: { action: string; circuit: string }[] };
  return providerQuotas.find(({ action }) => action === ACTION)?.circuit ?? "unknown";
}

async function measureMsUntil(isReached: () => Promise<boolean>, limitMs = 20_000) {
  const startedAtMs = performance.now();
  while (!(await isReached()) && performance.now() - startedAtMs < limitMs) await sleep(20);
  return performance.now() - startedAtMs;
}

async function setFault(fault: object | null): Promise<void> {
  if (fault === null) await fetch(`${emulated.controlOrigin}/faults`, { method: "DELETE" });
  else await control("faults", { api: BROKEN, ...fault });
}

async function control(path: string, body: object): Promise<void> {
  await fetch(`${emulated.controlOrigin}/${path}`, { method: "POST", body: JSON.stringify(body) });
}

async function countCalls(): Promise<{ arrived: number; mostInAnySecond: number }> {
  const response = await fetch(`${emulated.controlOrigin}/calls`);
  const calls = (await response.json()) as Record<
    string,
    Record<string, { arrived: number; maxCallsInAnySecond: number }>
  >;
  const { arrived = 0, maxCallsInAnySecond = 0 } = calls[BROKEN]?.[ACTION] ?? {};
  return { arrived, mostInAnySecond: maxCallsInAnySecond };
}

async function forgetCalls(): Promise<void> {
  await fetch(`${emulated.controlOrigin}/calls`, { method: "DELETE" });
}

async function readHoldings(): Promise<Holdings> {
  subgraph.send("what do you hold");
  const [holdings] = (await once(subgraph, "message")) as [Holdings];
  return holdings;
}

/** One question every so often while `work` goes on. */
async function askMeanwhile(prefixes: readonly string[], everyMs: number, work: Promise<unknown>) {
  const answers: Promise<Answer>[] = [];
  let isOver = false;
  const over = work.then(() => {
    isOver = true;
  });
  while (!isOver) {
    answers.push(ask(prefixes.flatMap((prefix) => takeIds(prefix, 1))));
    await Promise.race([sleep(everyMs), over]);
  }
  await over;
  return Promise.all(answers);
}

/** Asks until the cloud is well again: until the circuit is closed, and a question is answered. */
async function measureRecovery(): Promise<number> {
  await setFault(null);
  return measureMsUntil(async () => {
    const { errors } = await ask(takeIds(BROKEN, 1));
    return errors.length === 0 && (await readCircuit()) === "CLOSED";
  });
}

function report(what: string, measured: string, promised: string): void {
  console.log(`| ${what} | ${measured} | ${promised} |`);
}

const toMs = (ms: number) => `${ms.toFixed(0)} ms`;
const toMedian = (answers: readonly Answer[]) =>
  answers.map(({ ms }) => ms).sort((one, other) => one - other)[answers.length >> 1] ?? Number.NaN;
const toWorst = (answers: readonly Answer[]) => Math.max(...answers.map(({ ms }) => ms));
const show = ({ sockets, timers, heapMegabytes }: Holdings) =>
  `${sockets} sockets, ${timers} timers, ${heapMegabytes.toFixed(0)} MB`;

console.log("| a cloud that … | measured | promised |");
console.log("| --- | --- | --- |");

// Everything is loaded and compiled, and idle connections are gone again.
for (let n = 0; n < 3; n += 1) {
  await Promise.all(
    Array.from({ length: 20 }, () => ask([BROKEN, ...OTHERS].flatMap((one) => takeIds(one, 1)))),
  );
}
await sleep(AT_REST_MS);
const wellAnswers = await askMeanwhile(OTHERS, 100, sleep(3_000));
await sleep(AT_REST_MS);
const before = await readHoldings();

await setFault({ kind: "hang" });
const opened = measureMsUntil(async () => (await readCircuit()) !== "CLOSED");
const hung: Promise<Answer>[] = [];
const sending = (async () => {
  for (let n = 0; n < QUESTIONS; n += 1) {
    hung.push(ask(takeIds(BROKEN, 5)));
    await sleep(10);
  }
})();
const meanwhile = askMeanwhile(OTHERS, 100, sending);
await sending;
const during = await readHoldings();
const hungAnswers = await Promise.all(hung);
report("hangs: noticed", toMs(await opened), "2 s");
report(
  `hangs: the latest of ${QUESTIONS} answers, past ${withinMs} ms`,
  toMs(toWorst(hungAnswers) - withinMs),
  "100 ms",
);
report(
  "hangs: answers of other clouds, median (while all is well)",
  `${toMs(toMedian(await meanwhile))} (${toMs(toMedian(wellAnswers))})`,
  "not slower",
);
await sleep(AT_REST_MS);
report("hangs: held before", show(before), "");
report("hangs: held meanwhile", show(during), "");
report("hangs: held 5 s after the last answer", show(await readHoldings()), "as before");
await forgetCalls();
await askMeanwhile([BROKEN], 100, sleep(8_000));
const probes = await countCalls();
report("hangs: calls in 8 s of questions", `${probes.arrived}`, "one a second");
report("hung: back after", toMs(await measureRecovery()), "5 s");

await sleep(AT_REST_MS);
await forgetCalls();
await setFault({ kind: "html502" });
const failed = measureMsUntil(async () => (await readCircuit()) !== "CLOSED");
const failing = await askMeanwhile([BROKEN], 50, sleep(10_000));
const { arrived } = await countCalls();
report("fails: noticed", toMs(await failed), "2 s");
report("fails: calls for questions in 10 s", `${arrived} for ${failing.length}`, "one a second");
report("fails: back after", toMs(await measureRecovery()), "5 s");

await sleep(AT_REST_MS);
await forgetCalls();
await setFault({ kind: "unknownKey" });
const denied = await askMeanwhile([BROKEN], 100, sleep(20_500));
report(
  "denies the key: calls for questions in 20 s",
  `${(await countCalls()).arrived} for ${denied.length}`,
  "one in 10 s",
);
await setFault(null);
await sleep(10_000);

await forgetCalls();
await setFault({ kind: "throttle", fraction: 0.3 });
const throttled = await askMeanwhile([BROKEN], 250, sleep(20_000));
const refused = throttled.filter(({ errors }) => errors.length > 0).length;
report(
  "throttles 30 %: questions told to be throttled, and the latest answer",
  `${refused} of ${throttled.length}, ${toMs(toWorst(throttled))}`,
  "within the deadline",
);

subgraph.disconnect();
emulator.disconnect();
process.exit(0);
