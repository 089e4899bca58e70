import "reflect-metadata";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 5, seed: "rehearsal" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator),
    isRehearsing: true,
  });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

describe("the question that is rehearsed after the start", () => {
  it("reaches no cloud, is not counted, takes no part of a quota, and leaves nothing in the log", async () => {
    await subgraph.rehearsed;
    expect(emulator.calls.recent()).toEqual([]);
    const metrics = await (await fetch(`${subgraph.adminUrl}/metrics`)).text();
    expect(metrics).not.toMatch(/^device_certificates_(answer_seconds|cloud_calls|refused)\w*\{/m);
    const { data } = await subgraph.ask(
      "{ providerQuotas { usedInLastSecond waiting circuit callsToday } }",
    );
    for (const quota of data.providerQuotas) {
      expect(quota).toEqual({ usedInLastSecond: 0, waiting: 0, circuit: "CLOSED", callsToday: 0 });
    }
    expect(subgraph.logged()).toBe("");
  });

  it("spoils no answer to those that are asked", async () => {
    await subgraph.rehearsed;
    const ids = emulator.fleet.products.map((product) => product.at(0).id);
    const unknown = "tencent-mqtt:default:0:0";
    const { data, errors } = await subgraph.ask(
      "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id } }",
      { ids: [...ids, unknown] },
    );
    expect(errors).toBeUndefined();
    expect(data.deviceCertificates).toEqual([...ids.map((id) => ({ id })), null]);
  });
});

it("is over before a server is closed that was just started, and harms nothing then", async () => {
  const started = await startTestSubgraph({
    connections: toConnections(emulator),
    isRehearsing: true,
  });
  await started.close();
  await started.rehearsed;
  expect(started.logged()).toBe("");
});
