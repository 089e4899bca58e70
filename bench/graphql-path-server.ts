// One server of the benchmark of the GraphQL path, in a process of its own that tells how much it has worked.
// Argument: the server's name. What it needs comes as the first message.
import "reflect-metadata";
import { createServer } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { CertificateRecord } from "./peers-server.ts";

export interface ServerOptions {
  /** The certificates, for servers that have no cloud behind them. */
  readonly records: readonly CertificateRecord[];
  /** The configuration of this subgraph. */
  readonly config: unknown;
}

export interface Usage {
  /** What the process has worked since it began, in microseconds. */
  readonly cpuMicros: number;
  /** The longest that the event loop stood still since the last question, in milliseconds. */
  readonly longestBlockMs: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
}

/** Each loads what it needs alone: type-graphql keeps the classes of all schemas of a process in one place. */
const STARTS: Readonly<Record<string, (options: ServerOptions) => Promise<string>>> = {
  bare: async ({ records }) => startBare(records),
  ours: async ({ config }) => (await import("./own-server.ts")).startOurs(config),
  standalone: async ({ records }) => (await import("./peers-server.ts")).startStandalone(records),
  mercurius: async ({ records }) => (await import("./peers-server.ts")).startMercurius(records),
  yoga: async ({ records }) => (await import("./peers-server.ts")).startYoga(records),
};

/** What the process says when it serves. */
export interface Served {
  readonly url: string;
}

const start = STARTS[process.argv[2] ?? ""];
if (start === undefined) throw new Error("no server of this name");
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

process.once("message", async (options) => {
  const served: Served = { url: await start(options as ServerOptions) };
  process.on("message", tellUsage);
  process.send?.(served);
});
process.on("disconnect", () => process.exit(0));

function tellUsage(): void {
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { heapUsed, external } = process.memoryUsage();
  const usage: Usage = {
    cpuMicros: user + system,
    longestBlockMs: delay.max / 1e6,
    heapBytes: heapUsed,
    externalBytes: external,
  };
  delay.reset();
  process.send?.(usage);
}

/** R: parses the question and stringifies the same objects, and sends bytes, which is cheaper than a text. */
async function startBare(records: readonly CertificateRecord[]): Promise<string> {
  const whole = new Map(records.map((record) => [record.id, record]));
  const withoutPem = new Map(records.map(({ pem: _, ...record }) => [record.id, record]));
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { query, variables } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as {
        query: string;
        variables: { representations: readonly { id: string }[] };
      };
      const found = query.includes("pem") ? whole : withoutPem;
      const entities = variables.representations.map(({ id }) => found.get(id));
      const text = JSON.stringify({ data: { _entities: entities } });
      const body = text.length > 16_384 ? Buffer.from(text) : text;
      response.writeHead(200, {
        "content-type": "application/json; charset=utf-8",
        "content-length": Buffer.byteLength(body),
      });
      response.end(body);
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : address}/graphql`;
}
