import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Emulator, type Fault, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const TOKEN = "not-a-real-token-0001";
const AVAILABILITY = "{ certificateAvailability }";

let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 12, seed: "availability", quotas: "off" });
});

afterAll(() => emulator?.close());

async function start(sections: Readonly<Record<string, unknown>> = {}): Promise<TestSubgraph> {
  const subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 1000 }),
    sections: { join: { source: "external" }, ...sections },
  });
  onTestFinished(() => subgraph.close());
  return subgraph;
}

/** Asks for devices with these lists of certificate ids. */
const ask = (
  subgraph: TestSubgraph,
  lists: readonly (readonly string[])[],
  selection: string,
  headers: Record<string, string> = {},
) =>
  subgraph.ask(
    `query ($representations: [_Any!]!) {
      _entities(representations: $representations) { ... on Device ${selection} }
    }`,
    {
      representations: lists.map((certificateIds, index) => ({
        __typename: "Device",
        id: String(index),
        certificateIds,
      })),
    },
    headers,
  );

describe("certificateAvailability", () => {
  it("is told without the certificate being selected", async () => {
    const subgraph = await start();
    const { aliyunIot, tencentSsl } = emulator.fleet;
    const unknown = "aliyun-iot:default:a1emulX509A:nowhere";
    const { data, errors } = await ask(
      subgraph,
      [[aliyunIot.at(0).id], [], [unknown], ["nonsense"], [unknown, tencentSsl.at(0).id]],
      AVAILABILITY,
    );
    expect(errors).toBeUndefined();
    expect(data._entities).toEqual(
      ["AVAILABLE", "NONE", "NOT_FOUND", "UNAVAILABLE", "NOT_FOUND"].map((word) => ({
        certificateAvailability: word,
      })),
    );
  });

  it.each<[string, Fault, string, number]>([
    ["never answers", { kind: "hang" }, "DELAYED", 1_000],
    ["throttles", { kind: "throttle", retryAfterMs: 5_000 }, "DELAYED", 1_000],
    ["denies permission", { kind: "denied" }, "DENIED", 10_000],
    ["finds the token expired", { kind: "expiredToken" }, "DENIED", 10_000],
    ["has an internal error", { kind: "serverError" }, "UNAVAILABLE", 10_000],
    ["resets connections", { kind: "reset" }, "UNAVAILABLE", 10_000],
    ["sends a page of HTML", { kind: "html502" }, "UNAVAILABLE", 10_000],
  ])("never fails when the cloud %s", async (_, fault, word, withinMs) => {
    const subgraph = await start({ answer: { withinMs } });
    emulator.setFault("aliyun-iot", fault);
    onTestFinished(() => emulator.setFault("aliyun-iot", null));
    const ids = [emulator.fleet.aliyunIot.at(1).id];
    const alone = await ask(subgraph, [ids], AVAILABILITY);
    expect(alone).toEqual({ data: { _entities: [{ certificateAvailability: word }] } });
    const both = await ask(subgraph, [ids], "{ certificate { id } certificateAvailability }");
    expect(both.data._entities).toEqual([{ certificate: null, certificateAvailability: word }]);
    expect(both.errors?.map(({ path }) => path)).toEqual([["_entities", 0, "certificate"]]);
  });

  it("is DENIED without an error for a caller without the scope, and no cloud is asked", async () => {
    const subgraph = await start({ auth: { mode: "gateway", gateway: { token: TOKEN } } });
    emulator.calls.reset();
    const id = emulator.fleet.aliyunIot.at(2).id;
    const { data, errors } = await ask(
      subgraph,
      [[id], []],
      "{ id certificate { id } certificates { id } certificateAvailability }",
      { "x-gateway-token": TOKEN, "x-scopes": "other" },
    );
    const denied = { certificate: null, certificates: null, certificateAvailability: "DENIED" };
    expect(data._entities).toEqual([
      { id: "0", ...denied },
      { id: "1", ...denied },
    ]);
    expect(errors?.map(({ path }) => path?.join("."))).toEqual(
      ["0.certificate", "0.certificates", "1.certificate", "1.certificates"].map(
        (path) => `_entities.${path}`,
      ),
    );
    for (const { extensions } of errors ?? []) expect(extensions["code"]).toBe("FORBIDDEN");
    expect(emulator.calls.toJson()).toEqual({});
  });

  it("says of a certificate that lacks what was asked of it what its error says", async () => {
    const subgraph = await start();
    const { tencentSsl } = emulator.fleet;
    const ids = [tencentSsl.at(3).id];
    // Of two, so that a list call brings them, which lacks some fields.
    await ask(subgraph, [ids, [tencentSsl.at(4).id]], "{ certificate { id } }");
    emulator.setFault("tencent-ssl", { kind: "denied" });
    onTestFinished(() => emulator.setFault("tencent-ssl", null));
    const selection = (fields: string) => `{ certificateAvailability certificate { ${fields} } }`;
    const held = await ask(subgraph, [ids], selection("id"));
    expect(held.data._entities[0].certificateAvailability).toBe("AVAILABLE");
    const detail = await ask(
      subgraph,
      [ids],
      selection("id ... on TencentSslCertificate { orderId }"),
    );
    expect(detail.data._entities).toEqual([
      { certificate: null, certificateAvailability: "DENIED" },
    ]);
    expect(detail.errors).toMatchObject([{ extensions: { code: "PROVIDER_DENIED" } }]);
  });
});

describe("the certificates of devices cost", () => {
  const DETAIL = "... on TencentSslCertificate { orderId }";
  const ALL = "{ certificate { id } certificates { status } certificateAvailability }";

  /** Calls by action that a query for all certificates of Tencent SSL makes, on a server that knows none yet. */
  async function countCalls(selection: string): Promise<Record<string, number>> {
    const subgraph = await start();
    emulator.calls.reset();
    const { data, errors } = await ask(
      subgraph,
      emulator.fleet.tencentSsl.ids().map((id) => [id]),
      selection,
    );
    expect(errors).toBeUndefined();
    expect(data._entities).toHaveLength(12);
    const counts = emulator.calls.toJson()["tencent-ssl"] ?? {};
    return Object.fromEntries(Object.entries(counts).map(([name, { arrived }]) => [name, arrived]));
  }

  it.each([
    "{ certificate { id status } }",
    AVAILABILITY,
    ALL,
    `{ certificate { id } certificates @skip(if: true) { ${DETAIL} } }`,
    "{ orderId: certificate { id } }",
  ])("one list call for all of them: %s", async (selection) => {
    expect(await countCalls(selection)).toEqual({ DescribeCertificates: 1 });
  });

  it.each([
    `{ certificate { id ${DETAIL} } }`,
    `{ certificateAvailability certificate { ${DETAIL} } }`,
    `{ a: certificate { id } b: certificate { ${DETAIL} } certificates { id } certificateAvailability }`,
    `{ certificates { ... on DeviceCertificate { ${DETAIL} } } certificate { id } certificateAvailability }`,
  ])("a single call each where a field needs it, and nothing beside: %s", async (selection) => {
    expect(await countCalls(selection)).toEqual({ DescribeCertificate: 12 });
  });

  it("as much as the same ids asked directly, however often devices share them", async () => {
    const ids = emulator.fleet.aliyunIot.ids();
    const subgraph = await start();
    emulator.calls.reset();
    const { errors } = await ask(
      subgraph,
      [...ids, ...ids].map((id) => [id, ...ids.slice(0, 3)]),
      ALL,
    );
    expect(errors).toBeUndefined();
    expect(emulator.calls.of("aliyun-iot", "QueryDeviceCert").arrived).toBe(ids.length);
  });
});
