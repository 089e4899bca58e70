import { once } from "node:events";
import { Agent, type IncomingMessage, request as openRequest } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";
import { openConnection, sendRaw, toPost, toRequest } from "./raw-http.ts";

const QUERY = JSON.stringify({ query: "{ __typename }" });
const MiB = 1024 * 1024;
const PATIENT = { timeout: 30_000 };

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeEach(async () => {
  emulator = await startEmulator({ fleetSize: 40, seed: "overload" });
});

afterEach(async () => {
  await subgraph.close();
  await emulator.close();
});

async function start(limits: Readonly<Record<string, number>>): Promise<void> {
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 1 }),
    sections: { limits, answer: { withinMs: 60_000 } },
  });
}

async function expectHealthy(): Promise<void> {
  for (const path of ["/livez", "/readyz"]) {
    expect((await fetch(`${subgraph.adminUrl}${path}`)).status).toBe(200);
  }
}

async function readMetric(pattern: RegExp): Promise<number> {
  const metrics = await (await fetch(`${subgraph.adminUrl}/metrics`)).text();
  return Number(pattern.exec(metrics)?.[1] ?? 0);
}

const countInFlight = () => readMetric(/^device_certificates_requests_in_flight (\d+)$/m);
const countRefused = (reason: string) =>
  readMetric(new RegExp(`^device_certificates_refused_total\\{reason="${reason}"\\} (\\d+)$`, "m"));

/** Takes places until it is aborted: the quota has nothing to give. */
async function takePlaces(count: number): Promise<AbortController> {
  const clients = new AbortController();
  const ids = emulator.fleet.aliyunIot.ids();
  for (let index = 0; index < count; index += 1) {
    const query = "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id } }";
    fetch(subgraph.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query, variables: { ids } }),
      signal: clients.signal,
    }).catch(() => {});
  }
  await vi.waitFor(async () => expect(await countInFlight()).toBe(count), PATIENT);
  return clients;
}

const OVERLOADED = {
  errors: [
    {
      message: "There is too much to do just now; ask again a little later.",
      extensions: { code: "OVERLOADED" },
    },
  ],
};

describe("while as many requests are being answered as may be", () => {
  it("others are refused before they have sent their body, and health is answered", async () => {
    await start({ concurrentRequests: 2 });
    const clients = await takePlaces(2);
    const socket = await openConnection(subgraph.url);
    socket.write(toPost(QUERY).slice(0, -1));
    const [first] = await once(socket, "data");
    expect(String(first)).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1\r\n/s);
    socket.destroy();
    await expectHealthy();

    const { status, headers, body } = await sendRaw(subgraph.url, toPost(QUERY));
    expect(status).toBe(503);
    expect(headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(JSON.parse(body)).toEqual(OVERLOADED);
    const asking = await sendRaw(subgraph.url, toPost(QUERY, ["expect: 100-continue"]));
    expect(asking.all).toMatch(/^HTTP\/1\.1 503 /);
    expect(await countRefused("overload")).toBe(3);

    clients.abort();
    await vi.waitFor(async () => expect(await countInFlight()).toBe(0), PATIENT);
    expect(await subgraph.ask("{ __typename }")).toEqual({ data: { __typename: "Query" } });
  });

  it("a connection that was refused is good for the next request", async () => {
    await start({ concurrentRequests: 1 });
    const clients = await takePlaces(1);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const long = JSON.stringify({ query: `{ __typename } #${"x".repeat(300_000)}` });
    for (const body of [QUERY, long, QUERY]) expect(await post(agent, body)).toBe(503);
    clients.abort();
    await vi.waitFor(async () => expect(await post(agent, QUERY)).toBe(200), PATIENT);
    agent.destroy();
  });
});

describe("clients that ask again as soon as they are refused", () => {
  it("keep neither health nor those waiting who were let in, and are answered in the end", async () => {
    await start({ concurrentRequests: 1 });
    const places = await takePlaces(1);
    const agent = new Agent({ keepAlive: true });
    let answered = 0;
    let refused = 0;
    const clients = Array.from({ length: 150 }, async () => {
      for (let status = 503; status !== 200; ) {
        status = await post(agent, QUERY);
        if (status === 503) refused += 1;
        else if (status === 200) answered += 1;
        else throw new Error(`an answer with the status ${status}`);
      }
    });
    await vi.waitFor(() => expect(refused).toBeGreaterThan(1_000), PATIENT);
    await expectHealthy();
    places.abort();
    await Promise.all(clients);
    expect(answered).toBe(150);
    agent.destroy();
  }, 60_000);
});

describe("bodies that come slowly", () => {
  /** Just short of being whole. */
  async function sendSlowly(bytes: number) {
    const socket = await openConnection(subgraph.url);
    let received = "";
    socket.on("data", (chunk) => {
      received += String(chunk);
    });
    socket.write(
      toRequest("POST /graphql HTTP/1.1", [
        "content-type: application/json",
        `content-length: ${bytes}`,
      ]),
    );
    socket.write(Buffer.alloc(bytes - 1, " "));
    return { socket, received: () => received };
  }

  it("take a bounded memory together, and leave small ones alone", async () => {
    await start({ receivingBytes: 16 * MiB });
    const slow = [];
    for (let index = 0; index < 20; index += 1) slow.push(await sendSlowly(2 * MiB));
    await vi.waitFor(async () => expect(await countRefused("bodies")).toBeGreaterThan(10), PATIENT);
    expect(await countRefused("bodies")).toBeLessThan(16);
    expect(await subgraph.ask("{ __typename }")).toEqual({ data: { __typename: "Query" } });
    await expectHealthy();
    const refused = slow.filter(({ received }) => received() !== "");
    for (const { received } of refused) {
      expect(received()).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1\r\n.*"OVERLOADED"/s);
    }
    for (const { socket } of slow) socket.destroy();

    const large = JSON.stringify({ query: "{ __typename }", padding: "x".repeat(4 * MiB) });
    const agent = new Agent();
    await vi.waitFor(async () => expect(await post(agent, large)).toBe(200), PATIENT);
  });

  it("hold no place that others could have", async () => {
    await start({ concurrentRequests: 1 });
    const slow = await Promise.all(Array.from({ length: 30 }, () => sendSlowly(1000)));
    expect(await subgraph.ask("{ __typename }")).toEqual({ data: { __typename: "Query" } });
    for (const { socket } of slow) socket.destroy();
  });
});

/** The status; everything about the answer is read. */
async function post(agent: Agent, body: string): Promise<number> {
  const request = openRequest(subgraph.url, {
    method: "POST",
    agent,
    headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
  });
  request.end(body);
  const [response]: IncomingMessage[] = await once(request, "response");
  if (response === undefined) throw new Error("no answer");
  await text(response);
  return response.statusCode ?? 0;
}
