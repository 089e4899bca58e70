// The cost of the GraphQL path over HTTP, with every certificate in memory, beside a bare server and peers:
// `npm run bench -- graphql-path [rounds] [ms a measurement]`.
// Promised: at most 3.0, 2.3 and 2.0 times the bare server's CPU time for 1, 100 and 1,000 certificates with PEM, and
// 3.5 times the requests a second of Apollo's standalone server with everything default for 100 without; and that 1,000
// certificates, in memory or not, keep the event loop for at most 15 ms at a time.
import "reflect-metadata";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Pool } from "undici";
import type { Emulated } from "./emulator-process.ts";
import type { Served, ServerOptions, Usage } from "./graphql-path-server.ts";
import type { CertificateRecord } from "./peers-server.ts";

const ROUNDS = Number(process.argv[2] ?? 5);
const MEASURED_MS = Number(process.argv[3] ?? 800);
const CONNECTIONS = 4;
const NAMES = ["bare", "ours", "standalone", "mercurius", "yoga"] as const;
type Name = (typeof NAMES)[number];
const COLD_STARTS = 5;
const MAX_BLOCK_MS = 15;
/** As `npm start` and the image start it. */
const NODE_OPTIONS_OF_OURS = ["--max-semi-space-size=8", "--initial-old-space-size=96"];

interface Shape {
  readonly count: number;
  readonly hasPem: boolean;
  /** The most CPU time that is promised, as a multiple of the bare server's. */
  readonly maxRatio?: number;
  /** The least requests a second that are promised, as a multiple of the standalone server's. */
  readonly minSpeed?: number;
}

const SHAPES: readonly Shape[] = [
  { count: 1, hasPem: true, maxRatio: 3 },
  { count: 1, hasPem: false },
  { count: 100, hasPem: true, maxRatio: 2.3 },
  { count: 100, hasPem: false, minSpeed: 3.5 },
  { count: 1000, hasPem: true, maxRatio: 2 },
  { count: 1000, hasPem: false },
];

interface Measurement {
  readonly cpuMicros: number;
  readonly perSecond: number;
}

class Contestant {
  readonly measurements = new Map<Shape, Measurement[]>(SHAPES.map((shape) => [shape, []]));

  private constructor(
    private readonly child: ChildProcess,
    private readonly pool: Pool,
  ) {}

  static async start(name: Name, options: ServerOptions): Promise<Contestant> {
    const child = fork(new URL("graphql-path-server.js", import.meta.url), [name], {
      env: { ...process.env, NODE_ENV: "production" },
      serialization: "advanced",
      execArgv: name === "ours" ? NODE_OPTIONS_OF_OURS : [],
    });
    child.send(options);
    const [{ url }] = (await once(child, "message")) as [Served];
    return new Contestant(child, new Pool(new URL(url).origin, { connections: CONNECTIONS }));
  }

  async ask(body: string): Promise<string> {
    const response = await this.pool.request({
      path: "/graphql",
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    return response.body.text();
  }

  /** As many questions as fit into the time, a few at once. */
  async measure(body: string, ms: number): Promise<Measurement> {
    const before = await this.tellUsage();
    const startedAt = performance.now();
    let answers = 0;
    const keepAsking = async () => {
      while (performance.now() - startedAt < ms) {
        const { body: answer } = await this.pool.request({
          path: "/graphql",
          method: "POST",
          headers: { "content-type": "application/json" },
          body,
        });
        await answer.dump({ limit: Number.MAX_SAFE_INTEGER });
        answers += 1;
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, keepAsking));
    const tookMs = performance.now() - startedAt;
    const after = await this.tellUsage();
    return {
      cpuMicros: (after.cpuMicros - before.cpuMicros) / answers,
      perSecond: (answers * 1000) / tookMs,
    };
  }

  async tellUsage(): Promise<Usage> {
    this.child.send("usage");
    const [usage] = (await once(this.child, "message")) as [Usage];
    return usage;
  }

  async stop(): Promise<void> {
    await this.pool.close();
    this.child.disconnect();
  }
}

const emulator = fork(new URL("emulator-process.js", import.meta.url), [
  JSON.stringify({ fleetSize: 2000, quotas: "off" }),
]);
const [emulated] = (await once(emulator, "message")) as [Emulated];
const { accessKeyId, accessKeySecret } = emulated.credentials["tencent"]?.static ?? {};
const config = {
  server: { port: 0, adminPort: 0 },
  connections: [
    {
      cloud: "tencent",
      region: "ap-guangzhou",
      credentials: { accessKeyId, accessKeySecret },
      endpoints: emulated.origins["tencent"],
    },
  ],
};
const [ids, otherIds] = [0, 1000].map((from) =>
  (emulated.ids["tencent-mqtt"] ?? []).slice(from, from + 1000),
) as [string[], string[]];

const ours = await Contestant.start("ours", { records: [], config });
// The emulator makes each certificate when it is first asked for, which is no part of any measurement.
await ours.ask(toBody({ count: 1000, hasPem: true }, otherIds));
const contestants = new Map<Name, Contestant>([["ours", ours]]);
const records = await readRecords(ours);
const coldBlocks = await measureColdBlocks();
for (const name of NAMES) {
  if (name === "ours") continue;
  contestants.set(name, await Contestant.start(name, { records, config }));
}
await compareAnswers();
const warmBlocksMs: number[] = [];
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const shape of SHAPES) {
    const body = toBody(shape);
    // The first round warms up. The order turns, so that a disturbance does not meet the same one each time.
    const order = round % 2 === 0 ? NAMES : NAMES.toReversed();
    for (const name of order) {
      const contestant = contestants.get(name);
      const measurement = await contestant?.measure(body, MEASURED_MS);
      if (round > 0 && measurement) contestant?.measurements.get(shape)?.push(measurement);
    }
  }
  for (let n = 0; n < 5; n += 1) warmBlocksMs.push(await measureBlock(ours));
}
report();
for (const contestant of contestants.values()) await contestant.stop();
emulator.disconnect();

function toBody({ count, hasPem }: Omit<Shape, "maxRatio" | "minSpeed">, of = ids): string {
  return JSON.stringify({
    query: `query Certificates($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on DeviceCertificate {
      __typename id provider connection status providerStatus createdAt fetchedAt stale
      ... on X509DeviceCertificate {
        serialNumber commonName subject issuer notBefore notAfter daysUntilExpiry
        fingerprintSha256 publicKeyAlgorithm publicKeyBits${hasPem ? " pem" : ""}
      }
    }
  }
}`,
    variables: {
      representations: of
        .slice(0, count)
        .map((id) => ({ __typename: "TencentMqttDeviceCertificate", id })),
    },
  });
}

async function readRecords(contestant: Contestant): Promise<CertificateRecord[]> {
  const answer = JSON.parse(await contestant.ask(toBody({ count: ids.length, hasPem: true })));
  if (answer.errors !== undefined) throw new Error(JSON.stringify(answer.errors[0]));
  return answer.data._entities;
}

/** Who answers something else has no part in this. */
async function compareAnswers(): Promise<void> {
  for (const shape of SHAPES) {
    const answers = new Map<Name, unknown>();
    for (const [name, contestant] of contestants) {
      answers.set(name, JSON.parse(await contestant.ask(toBody(shape))).data);
    }
    for (const [name, answer] of answers) {
      if (JSON.stringify(answer) === JSON.stringify(answers.get("bare"))) continue;
      throw new Error(`${name} answers something else than the bare server`);
    }
  }
}

/** The longest that one question for a thousand certificates holds the event loop, nothing else going on. */
async function measureBlock(contestant: Contestant, of = ids): Promise<number> {
  await contestant.tellUsage();
  await contestant.ask(toBody({ count: 1000, hasPem: true }, of));
  return (await contestant.tellUsage()).longestBlockMs;
}

/** The same for certificates that have to be fetched: the first thousand of a process, and the next. */
async function measureColdBlocks(): Promise<{ first: number[]; later: number[] }> {
  const blocks: { first: number[]; later: number[] } = { first: [], later: [] };
  for (let n = 0; n < COLD_STARTS; n += 1) {
    const started = await Contestant.start("ours", { records: [], config });
    blocks.first.push(await measureBlock(started));
    blocks.later.push(await measureBlock(started, otherIds));
    await started.stop();
  }
  return blocks;
}

function report(): void {
  let isKept = true;
  console.log(
    "\nCPU time of a request as a multiple of the bare server's, and requests a second\n",
  );
  console.log(toRow(["certificates", "bare", ...NAMES.slice(1)]));
  console.log(toRow(Array.from({ length: NAMES.length + 1 }, () => "---")));
  for (const shape of SHAPES) {
    const of = (name: Name) => contestants.get(name)?.measurements.get(shape) ?? [];
    const ratios = (name: Name) =>
      of(name).map(({ cpuMicros }, round) => cpuMicros / (of("bare")[round]?.cpuMicros ?? 0));
    const perSecond = (name: Name) => toMedian(of(name).map((one) => one.perSecond));
    console.log(
      toRow([
        `${shape.count} ${shape.hasPem ? "with" : "without"} PEM`,
        `${toMedian(of("bare").map((one) => one.cpuMicros)).toFixed(0)} µs, ${perSecond("bare").toFixed(0)}/s`,
        ...NAMES.slice(1).map(
          (name) => `${toMedian(ratios(name)).toFixed(2)} R, ${perSecond(name).toFixed(0)}/s`,
        ),
      ]),
    );
    const { maxRatio = Number.POSITIVE_INFINITY, minSpeed = 0 } = shape;
    const speeds = of("ours").map(
      (one, round) => one.perSecond / (of("standalone")[round]?.perSecond ?? 0),
    );
    if (toMedian(ratios("ours")) > maxRatio || toMedian(speeds) < minSpeed) isKept = false;
    if (minSpeed > 0) {
      console.log(`  requests a second, ours to standalone: ${toMedian(speeds).toFixed(2)}`);
    }
  }
  console.log("\nlongest block of the event loop by 1,000 certificates, in ms\n");
  const blocks = {
    "in memory": warmBlocksMs,
    "to be fetched, the first of a process": coldBlocks.first,
    "to be fetched, later": coldBlocks.later,
  };
  for (const [what, samples] of Object.entries(blocks)) {
    const median = toMedian(samples);
    console.log(`${what}: ${median.toFixed(1)} (${samples.map((ms) => ms.toFixed(0)).join(" ")})`);
    if (median > MAX_BLOCK_MS) isKept = false;
  }
  console.log(`promise: ${isKept ? "kept" : "BROKEN"}`);
  process.exitCode = isKept ? 0 : 1;
}

function toRow(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function toMedian(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
