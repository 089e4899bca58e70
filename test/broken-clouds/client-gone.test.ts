import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const CERTIFICATES = "query($ids: [ID!]!) { deviceCertificates(ids: $ids) { id } }";
const USE = "{ providerQuotas { action waiting } }";
const CALLS_PER_SECOND = 2;

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeEach(async () => {
  emulator = await startEmulator({ fleetSize: 40, seed: "client-gone" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: CALLS_PER_SECOND }),
    sections: { answer: { withinMs: 20_000 } },
  });
});

afterEach(async () => {
  await subgraph.close();
  await emulator.close();
});

async function countWaiting(): Promise<number> {
  const { data } = await subgraph.ask(USE);
  const quotas: readonly { action: string; waiting: number }[] = data.providerQuotas;
  return quotas.find(({ action }) => action === "QueryDeviceCert")?.waiting ?? -1;
}

function leave(ids: readonly string[], signal: AbortSignal): Promise<unknown> {
  return fetch(subgraph.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: CERTIFICATES, variables: { ids } }),
    signal,
  }).then(
    () => "answered",
    () => "gone",
  );
}

describe("a client that closes its connection before it has its answer", () => {
  it("leaves the queue to others: what was not sent is not sent", async () => {
    const ids = emulator.fleet.aliyunIot.ids().slice(0, 40);
    const client = new AbortController();
    const left = leave(ids, client.signal);
    await vi.waitFor(async () => expect(await countWaiting()).toBeGreaterThan(30), {
      timeout: 10_000,
    });
    client.abort();
    expect(await left).toBe("gone");
    await vi.waitFor(async () => expect(await countWaiting()).toBe(0), { timeout: 10_000 });
    // Two for every second that this took; all of them would take twenty.
    expect(emulator.calls.of("aliyun-iot", "QueryDeviceCert").arrived).toBeLessThan(30);
    expect(subgraph.logged()).not.toMatch(/"level":50/);
  });

  it("takes nothing from another client that waits for the same", async () => {
    const [shared = "", ...others] = emulator.fleet.aliyunIot.ids().slice(0, 11);
    const client = new AbortController();
    const left = leave([...others.slice(0, 10), shared], client.signal);
    await vi.waitFor(async () => expect(await countWaiting()).toBeGreaterThan(5), {
      timeout: 10_000,
    });
    const stays = subgraph.ask(CERTIFICATES, { ids: [shared] });
    client.abort();
    expect(await left).toBe("gone");
    expect(await stays).toEqual({ data: { deviceCertificates: [{ id: shared }] } });
    await vi.waitFor(async () => expect(await countWaiting()).toBe(0), { timeout: 10_000 });
  });
});
