import { once } from "node:events";
import { Agent, type IncomingMessage, request as openRequest } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../src/emulator/index.ts";
import { type ReadyProcess, startSubgraphProcess } from "./support/process.ts";
import { toConnections } from "./support/subgraph.ts";

/** More by the environment: RESTARTS=20 REQUESTS=10000 npm test -- test/restarts.test.ts */
const RESTARTS = Number(process.env["RESTARTS"] ?? 2);
const REQUESTS = Number(process.env["REQUESTS"] ?? 300);
const CLIENTS = 8;

let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 16, seed: "restarts", quotas: "off" });
});

afterAll(async () => {
  await emulator?.close();
});

const BODY = JSON.stringify({ query: "query ($id: ID!) { deviceCertificate(id: $id) { id } }" });

function toBody(index: number): string {
  const { id } = emulator.fleet.aliyunIot.at(index % 16);
  return JSON.stringify({ ...JSON.parse(BODY), variables: { id } });
}

/** Asks once, never again; answers the status or what went wrong. */
async function ask(url: string, agent: Agent, body: string): Promise<string> {
  const request = openRequest(url, {
    method: "POST",
    agent,
    headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
  });
  try {
    const response = once(request, "response");
    request.end(body);
    const [answer]: IncomingMessage[] = await response;
    if (answer === undefined) return "nothing";
    const content = await text(answer);
    return answer.statusCode === 200 && !content.includes("errors") ? "answered" : content;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    // The system accepts connections for a process; those that it had not handed over are gone with the listener.
    return code === "ECONNRESET" && !request.reusedSocket ? "ECONNREFUSED" : code;
  }
}

async function isReady(adminUrl: string): Promise<boolean> {
  const agent = new Agent();
  const request = openRequest(`${adminUrl}/readyz`, { agent });
  request.end();
  const [response]: IncomingMessage[] = await once(request, "response").catch(() => []);
  response?.resume();
  agent.destroy();
  return response?.statusCode === 200;
}

/** Follows who is ready, and takes turns between them, as what stands in front of replicas does. */
class Balancer {
  readonly #running = new Set<ReadyProcess>();
  #ready: ReadyProcess[] = [];
  #turn = 0;
  #isWatching = true;

  async add(replica: ReadyProcess): Promise<void> {
    this.#running.add(replica);
    while (!this.#ready.includes(replica)) await sleep(20);
  }

  remove(replica: ReadyProcess): void {
    this.#running.delete(replica);
  }

  next(): string {
    this.#turn += 1;
    const replica = this.#ready[this.#turn % this.#ready.length];
    if (replica === undefined) throw new Error("nobody is ready");
    return replica.url;
  }

  async watch(): Promise<void> {
    while (this.#isWatching) {
      const running = [...this.#running];
      const states = await Promise.all(running.map(({ adminUrl }) => isReady(adminUrl)));
      this.#ready = running.filter((_, index) => states[index]);
      await sleep(50);
    }
  }

  stop(): void {
    this.#isWatching = false;
  }
}

const startReplica = (port = 0) =>
  startSubgraphProcess({
    server: { port, adminPort: 0, drainSeconds: 1.5 },
    connections: toConnections(emulator),
  });

describe("replicas that are replaced one after the other under load", () => {
  it("lose no request of clients that keep their connections", { timeout: 600_000 }, async () => {
    const balancer = new Balancer();
    const watching = balancer.watch();
    const replicas = [await startReplica(), await startReplica()];
    await Promise.all(replicas.map((replica) => balancer.add(replica)));
    const outcomes = new Map<string, number>();
    let asked = 0;
    let isReplacing = true;
    const clients = Array.from({ length: CLIENTS }, async () => {
      const agent = new Agent({ keepAlive: true });
      while (isReplacing || asked < REQUESTS) {
        asked += 1;
        const outcome = await ask(balancer.next(), agent, toBody(asked));
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        // A steady load that spans all restarts.
        await sleep(5);
      }
      agent.destroy();
    });
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      const fresh = await startReplica();
      await balancer.add(fresh);
      const old = replicas.shift();
      replicas.push(fresh);
      old?.child.kill("SIGTERM");
      expect(await old?.ended).toEqual({ code: 0, signal: null });
      if (old !== undefined) balancer.remove(old);
    }
    isReplacing = false;
    await Promise.all(clients);
    balancer.stop();
    await watching;
    expect(Object.fromEntries(outcomes)).toEqual({ answered: asked });
    expect(asked).toBeGreaterThanOrEqual(REQUESTS);
  });
});

describe("one process that ends while clients go on asking", () => {
  it("answers on all connections that it had; then nobody can connect", {
    timeout: 120_000,
  }, async () => {
    const running = await startReplica();
    const outcomes = new Map<string, number>();
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      const agent = new Agent({ keepAlive: true });
      for (let outcome = "answered"; outcome === "answered"; ) {
        outcome = await ask(running.url, agent, toBody(client));
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
      agent.destroy();
    });
    await sleep(300);
    running.child.kill("SIGTERM");
    await Promise.all(clients);
    expect(await running.ended).toEqual({ code: 0, signal: null });
    expect([...outcomes.keys()].toSorted()).toEqual(["ECONNREFUSED", "answered"]);
    expect(outcomes.get("ECONNREFUSED")).toBe(CLIENTS);
  });

  it("answers on an idle connection that is used once more at the very end", async () => {
    const running = await startReplica();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await ask(running.url, agent, toBody(1))).toBe("answered");
    running.child.kill("SIGTERM");
    // Until nobody else gets in.
    while ((await ask(running.url, new Agent(), toBody(2))) === "answered") await sleep(20);
    expect(await ask(running.url, agent, toBody(3))).toBe("answered");
    agent.destroy();
    expect(await running.ended).toEqual({ code: 0, signal: null });
  });
});
