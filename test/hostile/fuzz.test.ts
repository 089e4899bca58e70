import { once } from "node:events";
import { Agent, type IncomingMessage, request as openRequest } from "node:http";
import { text } from "node:stream/consumers";
import { buildClientSchema, getIntrospectionQuery } from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { listForms } from "../support/canaries.ts";
import { type ReadyProcess, startSubgraphProcess } from "../support/process.ts";
import { toConnections } from "../support/subgraph.ts";
import { type MadeUpRequest, RequestMaker } from "./made-up-requests.ts";

/** More by the environment: `npm run fuzz -- --requests 1000000 --seed 7` sets it. */
const REQUESTS = Number(process.env["FUZZ_REQUESTS"] ?? 20_000);
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const CLIENTS = 16;
const WARM_UP = 2_000;
/** Bounded caches fill meanwhile: kept texts, documents, certificates. It was 147 MB after 200,000 requests, and 160 MB after 400,000. */
const MAX_GROWTH_BYTES = 200_000_000;

let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 16, seed: "fuzz", quotas: "off" });
});

afterAll(async () => {
  await emulator?.close();
});

/** Lets a test ask for a full garbage collection. */
const COLLECTOR = `
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
process.on("SIGUSR2", () => { collect(); process.stdout.write("collected\\n"); });
`;

async function send(url: string, made: MadeUpRequest, agent: Agent) {
  const { method, path, headers, body } = made;
  const { hostname, port } = new URL(url);
  const request = openRequest({ hostname, port, method, path, headers, agent });
  const responded = once(request, "response");
  request.end(body);
  const [response]: IncomingMessage[] = await responded;
  if (response === undefined) throw new Error("no answer");
  return { status: response.statusCode ?? 0, body: await text(response) };
}

/** Bytes on the heap after what nobody needs is gone. */
async function readHeap({ child, stdout, adminUrl, waitFor }: ReadyProcess): Promise<number> {
  const count = stdout().split("collected").length;
  child.kill("SIGUSR2");
  await waitFor(new RegExp(`(collected[^]*){${count}}`));
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(/^nodejs_heap_size_used_bytes (\S+)$/m.exec(metrics)?.[1]);
}

describe("whatever is made up from the schema", () => {
  it(`does no harm, ${REQUESTS} times (seed ${SEED})`, { timeout: 3_600_000 }, async () => {
    const running = await startSubgraphProcess(
      {
        server: { port: 0, adminPort: 0, drainSeconds: 0 },
        connections: toConnections(emulator, { callsPerSecond: 10_000 }),
        answer: { withinMs: 3_000 },
      },
      { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(COLLECTOR)}` },
    );
    const introspection = await fetch(running.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: getIntrospectionQuery() }),
    });
    const { data } = (await introspection.json()) as {
      data: Parameters<typeof buildClientSchema>[0];
    };
    const ids = emulator.fleet.products.flatMap((product) => product.ids());
    const maker = new RequestMaker(buildClientSchema(data), ids, SEED);

    const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
    const bodies = new Set<string>();
    const counts = new Map<number, number>();
    let sent = 0;
    const run = async (until: number) => {
      while (sent < until) {
        sent += 1;
        const made = maker.next();
        const { status, body } = await send(running.url, made, agent).catch((error: unknown) => {
          throw new Error(`request ${sent} was not answered: ${describeRequest(made)}`, {
            cause: error,
          });
        });
        counts.set(status, (counts.get(status) ?? 0) + 1);
        if (
          status >= 500 ||
          /stacktrace|node_modules|\.[jt]s:\d|INTERNAL_SERVER_ERROR/.test(body)
        ) {
          throw new Error(`${status} for ${describeRequest(made)}: ${body.slice(0, 500)}`);
        }
        if (bodies.size < 30_000) bodies.add(body);
      }
    };
    const runAll = (until: number) =>
      Promise.all(Array.from({ length: CLIENTS }, () => run(until)));

    await runAll(Math.min(WARM_UP, REQUESTS));
    const before = await readHeap(running);
    await runAll(REQUESTS);
    agent.destroy();
    expect((await readHeap(running)) - before).toBeLessThan(MAX_GROWTH_BYTES);

    // That the requests are not all refused, nor all alike.
    expect(counts.get(200) ?? 0).toBeGreaterThan(REQUESTS / 4);
    expect(counts.get(400) ?? 0).toBeGreaterThan(REQUESTS / 20);
    expect(bodies.size).toBeGreaterThan(Math.min(REQUESTS, 30_000) / 10);
    // Not one mistake of ours in the log.
    expect(running.stdout().match(/"level":[56]0.*/)?.[0]).toBeUndefined();
    const said = [...bodies].join("\n") + running.stdout();
    const canaries = emulator.listCanaries().flatMap((canary) => listForms(canary).slice(0, 5));
    expect(canaries.filter((form) => said.includes(form))).toEqual([]);
    running.child.kill("SIGTERM");
    expect((await running.ended).code).toBe(0);
  });
});

function describeRequest({ method, path, headers, body }: MadeUpRequest): string {
  return `${method} ${path} ${JSON.stringify(headers)} ${body?.toString() ?? ""}`.slice(0, 3_000);
}
