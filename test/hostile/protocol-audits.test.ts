import { serverAudits } from "graphql-http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 4, seed: "audits" });
  subgraph = await startTestSubgraph({ connections: toConnections(emulator) });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

/** A GET of these could come from any site's page: a browser asks nobody before it sends it. */
const AGAINST_CSRF_PREVENTION = ["5A70", "D6D5", "6A70"];

const audits = serverAudits({ url: () => subgraph.url });
const auditsWithPreflight = serverAudits({
  url: () => subgraph.url,
  fetchFn: (url: string, init: RequestInit = {}) =>
    fetch(url, { ...init, headers: { ...init.headers, "apollo-require-preflight": "1" } }),
});

describe("GraphQL over HTTP", () => {
  it("has 61 audits", () => {
    expect(audits).toHaveLength(61);
  });

  it.each(auditsWithPreflight)("$id $name", async ({ fn }) => {
    expect(await fn()).toMatchObject({ status: "ok" });
  });

  it("is spoken to clients that know nothing of the header against CSRF, by GET excepted", async () => {
    const results = await Promise.all(audits.map(({ fn }) => fn()));
    const failed = results.filter(({ status }) => status !== "ok").map(({ id }) => id);
    expect(failed).toEqual(AGAINST_CSRF_PREVENTION);
  });
});
