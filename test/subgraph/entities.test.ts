import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import {
  type GraphQLAnswer,
  startTestSubgraph,
  type TestSubgraph,
  toConnections,
} from "../support/subgraph.ts";

const ENTITIES = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on DeviceCertificate { id provider status }
    ... on X509DeviceCertificate { subject }
  }
}`;

const TYPES = [
  "TencentMqttDeviceCertificate",
  "TencentSslCertificate",
  "AliyunIotDeviceCertificate",
  "AliyunMqttDeviceCredential",
] as const;

let emulator: Emulator;
let subgraph: TestSubgraph;
/** One known id of each product, in the order of TYPES. */
let ids: readonly string[];

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 20, seed: "entities", quotas: "off" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 1000 }),
    sections: { answer: { maxEntities: 60 } },
  });
  ids = emulator.fleet.products.map((product) => product.at(4).id);
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

const ask = (representations: readonly unknown[]) => subgraph.ask(ENTITIES, { representations });

describe("_entities", () => {
  it("resolves each product by its own type, all in one list", async () => {
    const { data, errors } = await ask(
      TYPES.map((__typename, index) => ({ __typename, id: ids[index] })),
    );
    expect(errors).toBeUndefined();
    expect(data._entities).toMatchObject(
      TYPES.map((__typename, index) => ({ __typename, id: ids[index] })),
    );
  });

  it("resolves every product by the interface, with its concrete type", async () => {
    const { data, errors } = await ask(ids.map((id) => ({ __typename: "DeviceCertificate", id })));
    expect(errors).toBeUndefined();
    expect(data._entities).toMatchObject(
      TYPES.map((__typename, index) => ({ __typename, id: ids[index] })),
    );
  });

  it("resolves what is X.509 by that interface", async () => {
    const { data, errors } = await ask(
      ids.slice(0, 3).map((id) => ({ __typename: "X509DeviceCertificate", id })),
    );
    expect(errors).toBeUndefined();
    expect(data._entities.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 3));
  });

  it("keeps the order of interfaces, types, doubles and unknown ids", async () => {
    const unknown = "tencent-ssl:default:nowhere";
    const representations = [
      { __typename: "DeviceCertificate", id: ids[3] },
      { __typename: "TencentSslCertificate", id: unknown },
      { __typename: "X509DeviceCertificate", id: ids[0] },
      { __typename: "DeviceCertificate", id: ids[3] },
      { __typename: "AliyunIotDeviceCertificate", id: ids[2] },
      { __typename: "DeviceCertificate", id: unknown },
    ];
    const { data, errors } = await ask(representations);
    expect(errors).toBeUndefined();
    expect(data._entities.map((entity: { id: string } | null) => entity?.id ?? null)).toEqual([
      ids[3],
      null,
      ids[0],
      ids[3],
      ids[2],
      null,
    ]);
  });

  it("answers an empty list with an empty one", async () => {
    expect(await ask([])).toEqual({ data: { _entities: [] } });
  });

  it("reads representations that stand in the query itself", async () => {
    const { data, errors } = await subgraph.ask(
      `{ _entities(representations: [{ __typename: "DeviceCertificate", id: "${ids[1]}" }]) { ... on DeviceCertificate { id } } }`,
    );
    expect(errors).toBeUndefined();
    expect(data._entities).toEqual([{ id: ids[1] }]);
  });

  it("refuses more representations than one answer may serve, before any call", async () => {
    emulator.calls.reset();
    const { errors } = await ask(
      Array.from({ length: 61 }, (_, index) => ({
        __typename: "DeviceCertificate",
        id: `tencent-ssl:default:many${index}`,
      })),
    );
    expect(errors).toMatchObject([
      { path: ["_entities"], extensions: { code: "TOO_MANY_ENTITIES", limit: 60 } },
    ]);
    expect(emulator.calls.toJson()).toEqual({});
  });
});

describe("a representation that nobody should send", () => {
  const good = () => ({ __typename: "TencentSslCertificate", id: ids[1] });

  it.each<[string, () => unknown]>([
    ["is a text", () => "TencentSslCertificate"],
    ["is a number", () => 7],
    ["is a boolean", () => true],
    ["is a list", () => [{ __typename: "DeviceCertificate", id: ids[1] }]],
    ["is empty", () => ({})],
    ["has no type", () => ({ id: ids[1] })],
    ["has null for a type", () => ({ __typename: null, id: ids[1] })],
    ["has a number for a type", () => ({ __typename: 7, id: ids[1] })],
    ["has a list for a type", () => ({ __typename: ["DeviceCertificate"], id: ids[1] })],
    ["has an object for a type", () => ({ __typename: { toString: "x" }, id: ids[1] })],
    ["has a type of another subgraph", () => ({ __typename: "Gadget", id: ids[1] })],
    ["has a type without a key", () => ({ __typename: "TencentTag", id: ids[1] })],
    ["has a root type", () => ({ __typename: "Query", id: ids[1] })],
    ["has an object's own property for a type", () => ({ __typename: "constructor", id: ids[1] })],
    ["has the prototype for a type", () => ({ __typename: "__proto__", id: ids[1] })],
    ["has no id", () => ({ __typename: "DeviceCertificate" })],
    ["has null for an id", () => ({ __typename: "DeviceCertificate", id: null })],
    ["has a number for an id", () => ({ __typename: "DeviceCertificate", id: 42 })],
    ["has a boolean for an id", () => ({ __typename: "DeviceCertificate", id: true })],
    ["has a list for an id", () => ({ __typename: "DeviceCertificate", id: [ids[1]] })],
    ["has an object for an id", () => ({ __typename: "DeviceCertificate", id: { toString: 1 } })],
    ["has an empty id", () => ({ __typename: "DeviceCertificate", id: "" })],
    ["has an enormous id", () => ({ __typename: "DeviceCertificate", id: "x".repeat(1e6) })],
    [
      "has an id of half a character",
      () => ({ __typename: "DeviceCertificate", id: "aliyun-iot:default:a1emulX509A:dev\ud83d" }),
    ],
    ["has a malformed id", () => ({ __typename: "DeviceCertificate", id: "tencent-ssl:default:" })],
    [
      "has the type of another product",
      () => ({ __typename: "AliyunIotDeviceCertificate", id: ids[1] }),
    ],
    [
      "has X.509 for a type of what is not",
      () => ({ __typename: "X509DeviceCertificate", id: ids[3] }),
    ],
    [
      "has the id in another spelling of its name",
      () => ({ __typename: "DeviceCertificate", ID: ids[1] }),
    ],
  ])("and %s costs its own place, with an error that says so", async (_, make) => {
    const { data, errors = [] } = await ask([good(), make(), good()]);
    expect(data._entities).toMatchObject([{ id: ids[1] }, null, { id: ids[1] }]);
    expect(errors).toHaveLength(1);
    expect(errors[0]?.path).toEqual(["_entities", 1]);
    expect(errors[0]?.extensions).toEqual({ code: "BAD_USER_INPUT" });
    expect(errors[0]?.message).toMatch(/^Malformed (representation|certificate id): /);
    expect(errors[0]?.message.length).toBeLessThan(400);
  });

  it("and is null is refused as GraphQL says", async () => {
    const { data, errors = [] } = await ask([good(), null]);
    expect(data).toBeUndefined();
    expect(errors[0]?.extensions["code"]).toBe("BAD_USER_INPUT");
  });

  it("does not get its forged fields back", async () => {
    const { data } = await ask([
      {
        ...good(),
        status: "ACTIVE forged",
        provider: "FORGED",
        subject: "CN=forged",
        bundle: { facts: { subject: "CN=forged" } },
        reportedStatus: "REVOKED",
      },
      { ...good(), __typename: "DeviceCertificate", domain: "forged.example" },
    ]);
    expect(JSON.stringify(data)).not.toMatch(/forged/i);
    expect(data._entities[0]).toEqual(data._entities[1]);
  });

  it("cannot reach the prototypes of the process", async () => {
    // Written by hand, because a literal with __proto__ sets the prototype.
    const body = JSON.stringify({
      query: ENTITIES,
      variables: { representations: [good(), "HOSTILE", "ONLY PROTO", good()] },
    })
      .replace(
        '"HOSTILE"',
        `{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}},"__typename":"DeviceCertificate","id":"${ids[1]}"}`,
      )
      .replace('"ONLY PROTO"', `{"__proto__":{"__typename":"DeviceCertificate","id":"${ids[1]}"}}`);
    const response = await fetch(subgraph.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const { data, errors } = (await response.json()) as GraphQLAnswer;
    expect(data._entities).toMatchObject([{ id: ids[1] }, { id: ids[1] }, null, { id: ids[1] }]);
    expect(errors).toMatchObject([{ path: ["_entities", 2] }]);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  it("costs its own place only, sixty times over", async () => {
    const hostile = [null, 1, "x", {}, { __typename: "DeviceCertificate" }, [[]]].slice(1);
    const representations = Array.from({ length: 60 }, (_, index) =>
      index % 6 === 5 ? good() : hostile[index % 6],
    );
    const { data, errors = [] } = await ask(representations);
    expect(errors).toHaveLength(50);
    expect(data._entities.filter((entity: unknown) => entity !== null)).toHaveLength(10);
  });
});
