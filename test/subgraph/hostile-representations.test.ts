// What nobody should send to _entities, between neighbours that everybody sends.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import {
  type GraphQLAnswer,
  startTestSubgraph,
  type TestSubgraph,
  toConnections,
} from "../support/subgraph.ts";

/** Stands in every hostile value; an answer that has it was made of what nobody may claim. */
const MARK = "forged-7f3a";
const ENTITIES = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on DeviceCertificate { id provider connection status stale }
    ... on X509DeviceCertificate { subject }
    ... on Device { id certificate { id } certificates { id } certificateAvailability }
  }
}`;

let emulator: Emulator;
let subgraph: TestSubgraph;
let sslId: string;
let mqttId: string;
let goodNeighbours: unknown[];

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 4, seed: "hostile", quotas: "off" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 1000 }),
    sections: { join: { source: "external" } },
  });
  sslId = emulator.fleet.tencentSsl.at(1).id;
  mqttId = emulator.fleet.aliyunMqtt.at(1).id;
  goodNeighbours = (await ask("{}")).data._entities.toSpliced(2, 1);
  expect(goodNeighbours).toMatchObject([
    { __typename: "TencentSslCertificate", id: sslId },
    { __typename: "Device", id: "d1", certificate: { id: sslId } },
    { __typename: "Device", id: "d2", certificateAvailability: "NONE" },
    { __typename: "AliyunMqttDeviceCredential", id: mqttId },
  ]);
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

/** As a text, because a literal could have neither `__proto__` nor a key twice. */
async function ask(representation: string): Promise<GraphQLAnswer> {
  const representations = [
    JSON.stringify({ __typename: "DeviceCertificate", id: sslId }),
    JSON.stringify({ __typename: "Device", id: "d1", certificateIds: [sslId] }),
    representation,
    JSON.stringify({ __typename: "Device", id: "d2" }),
    JSON.stringify({ __typename: "AliyunMqttDeviceCredential", id: mqttId }),
  ];
  const response = await fetch(subgraph.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"query":${JSON.stringify(ENTITIES)},"variables":{"representations":[${representations}]}}`,
  });
  return (await response.json()) as GraphQLAnswer;
}

/** What stands at the place of the hostile one, once its neighbours and the errors were looked at. */
async function askBetweenNeighbours(representation: string): Promise<GraphQLAnswer> {
  const answer = await ask(representation);
  const { data, errors = [] } = answer;
  expect(data._entities.toSpliced(2, 1)).toEqual(goodNeighbours);
  for (const { path, extensions, message } of errors) {
    expect(path?.slice(0, 2)).toEqual(["_entities", 2]);
    expect(extensions).toEqual({ code: "BAD_USER_INPUT" });
    expect(message).toMatch(/^Malformed (representation|certificate id): /);
    expect(message.length).toBeLessThan(400);
  }
  expect(Reflect.get({}, "polluted")).toBeUndefined();
  return { ...answer, data: data._entities[2] };
}

const LONG = `"${MARK.padEnd(300_000, "x")}"`;
const DEEP = `${"[".repeat(500)}"${MARK}"${"]".repeat(500)}`;

/** Shapes that are no entity at all. */
const SHAPELESS = [
  `"${MARK}"`,
  '""',
  "0",
  "-1.5e300",
  "true",
  "false",
  "[]",
  "{}",
  "[[]]",
  `[{"__typename":"Device","id":"${MARK}"}]`,
  DEEP,
  `{"${MARK}":{}}`,
  `{"":"${MARK}"}`,
  `{"__proto__":{"__typename":"Device","id":"${MARK}"}}`,
  `{"constructor":{"prototype":{"__typename":"Device","id":"${MARK}","polluted":1}}}`,
  `{"prototype":{"__typename":"Device","id":"${MARK}"}}`,
];

/** Values of `__typename` that name no entity. */
const TYPE_NAMES = [
  "null",
  "7",
  "true",
  "[]",
  "{}",
  '["Device"]',
  '{"toString":"Device"}',
  '""',
  '" Device"',
  '"Device "',
  '"device"',
  '"DEVICE"',
  '"Device!"',
  '"[Device]"',
  '"Device\\u0000"',
  '"D\\u0435vice"',
  '"Query"',
  '"Mutation"',
  '"_Entity"',
  '"_Service"',
  '"_Any"',
  '"__Schema"',
  '"ID"',
  '"String"',
  '"TencentTag"',
  '"CloudProvider"',
  '"DeviceCertificateAvailability"',
  '"constructor"',
  '"toString"',
  '"hasOwnProperty"',
  '"__proto__"',
  '"\\ud83d"',
  `"${MARK}"`,
  LONG,
];

/** Keys of a device that are none. */
const DEVICE_KEYS = [
  "null",
  "true",
  "[]",
  '["d"]',
  "{}",
  `{"toString":"${MARK}","valueOf":"${MARK}"}`,
  '""',
  "1.5",
  "1e300",
  "9007199254740993",
  LONG,
  DEEP,
];

/** Keys of a certificate that are none. */
const CERTIFICATE_KEYS = [
  ...DEVICE_KEYS,
  "42",
  '":"',
  '"::::"',
  '"tencent-ssl"',
  '"tencent-ssl:default"',
  '"tencent-ssl:default:"',
  '"tencent-ssl:nowhere:x"',
  '"__proto__:default:x"',
  '"tencent-ssl:__proto__:x"',
  '"tencent-ssl:default:%00"',
  '"tencent-ssl:default:x\\u0000"',
  '"tencent-ssl:default:x\\r\\nX-Injected: 1"',
  '"tencent-ssl:default:\\ud83d"',
  '"tencent-mqtt:default:i:0xyz"',
  '"aliyun-iot:default:a:b:c"',
];

/** Lists of certificate ids that are no list. */
const ID_LISTS = [
  `"${MARK}"`,
  "7",
  "true",
  "{}",
  `{"0":"${MARK}","length":1}`,
  `{"__proto__":["${MARK}"]}`,
];

const HOSTILE: readonly string[] = [
  ...SHAPELESS,
  ...TYPE_NAMES.map((name) => `{"__typename":${name},"id":"d"}`),
  '{"id":"d"}',
  '{"__typename":"Device"}',
  '{"__typename":"Device","ID":"d"}',
  '{"__typename":"Device","__proto__":{"id":"d"}}',
  '{"__typename":"DeviceCertificate"}',
  ...DEVICE_KEYS.map((key) => `{"__typename":"Device","id":${key}}`),
  ...CERTIFICATE_KEYS.map((key) => `{"__typename":"DeviceCertificate","id":${key}}`),
  ...ID_LISTS.map((list) => `{"__typename":"Device","id":"d","certificateIds":${list}}`),
];

const shorten = (text: string) => (text.length > 90 ? `${text.slice(0, 60)}…${text.length}` : text);

describe("a hostile representation", () => {
  it("comes in a hundred shapes", () => {
    expect(new Set(HOSTILE).size).toBeGreaterThanOrEqual(100);
    expect(new Set(HOSTILE).size).toBe(HOSTILE.length);
  });

  it.each(HOSTILE.map((text) => [shorten(text), text] as const))(
    "gets null and one error at its place: %s",
    async (_, representation) => {
      const answer = await askBetweenNeighbours(representation);
      expect(answer.data).toBeNull();
      expect(answer.errors).toHaveLength(1);
      expect(answer.errors?.[0]?.path).toEqual(["_entities", 2]);
      expect(JSON.stringify(answer)).not.toContain(MARK);
    },
  );

  it("gets null at its place when its type is that of another product", async () => {
    for (const type of ["AliyunIotDeviceCertificate", "X509DeviceCertificate"]) {
      const answer = await askBetweenNeighbours(`{"__typename":"${type}","id":"${mqttId}"}`);
      expect(answer).toMatchObject({ data: null, errors: [{ path: ["_entities", 2] }] });
    }
  });

  it("costs a request nothing but its own place, all of them together", async () => {
    const ownErrors = HOSTILE.length;
    const { data, errors = [] } = await ask(HOSTILE.join(","));
    expect(data._entities).toHaveLength(HOSTILE.length + 4);
    expect(data._entities.toSpliced(2, HOSTILE.length)).toEqual(goodNeighbours);
    expect(errors).toHaveLength(ownErrors);
    expect(new Set(errors.map(({ path }) => path?.[1])).size).toBe(ownErrors);
  });
});

describe("a device whose list has elements that are no ids", () => {
  it.each([
    "null",
    "7",
    "true",
    "[]",
    "{}",
    `["${MARK}"]`,
    '""',
    '"tencent-ssl"',
    '"tencent-ssl:default:\\u0000"',
    LONG,
    DEEP,
  ])("has an error at the place of each, and its other certificates", async (element) => {
    const answer = await askBetweenNeighbours(
      `{"__typename":"Device","id":"d","certificateIds":["${sslId}",${element},"${mqttId}"]}`,
    );
    expect(answer.data).toMatchObject({
      certificates: [{ id: sslId }, null, { id: mqttId }],
      certificateAvailability: "AVAILABLE",
    });
    expect(answer.errors).toMatchObject([{ path: ["_entities", 2, "certificates", 1] }]);
    expect(answer.errors?.[0]?.message.length).toBeLessThan(300);
  });
});

describe("a representation with more than its key", () => {
  const FORGED: readonly (readonly [name: string, json: string])[] = [
    ["status", `"${MARK}"`],
    ["provider", `"${MARK}"`],
    ["connection", `"${MARK}"`],
    ["stale", "true"],
    ["subject", `"${MARK}"`],
    ["reportedStatus", '"REVOKED"'],
    ["bundle", `{"facts":{"subject":"${MARK}"}}`],
    ["reported", `{"commonName":"${MARK}"}`],
    ["key", `"${MARK}"`],
    ["certificate", `{"__typename":"DeviceCertificate","id":"${MARK}"}`],
    ["certificates", `[{"id":"${MARK}"}]`],
    ["certificateAvailability", '"DENIED"'],
    ["externalIds", `["${MARK}"]`],
    ["toJSON", `"${MARK}"`],
    ["toString", `"${MARK}"`],
    ["valueOf", "{}"],
    ["then", `"${MARK}"`],
    ["constructor", `{"name":"${MARK}"}`],
    ["hasOwnProperty", "1"],
    ["__resolveReference", `"${MARK}"`],
    ["", `"${MARK}"`],
    ["deep", DEEP],
  ];
  const all = FORGED.map(([name, value]) => `${JSON.stringify(name)}:${value}`);

  it.each(FORGED)("is answered as if it had nothing but the key: %j", async (name, value) => {
    const extra = `${JSON.stringify(name)}:${value}`;
    for (const [representation, plain] of [
      [`{"__typename":"DeviceCertificate","id":"${sslId}",${extra}}`, goodNeighbours[0]],
      [`{${extra},"__typename":"Device","id":"d2"}`, goodNeighbours[2]],
    ] as const) {
      const answer = await askBetweenNeighbours(representation);
      expect(answer.errors).toBeUndefined();
      expect(answer.data).toEqual(plain);
    }
  });

  it("is answered so with all of it at once, prototypes included", async () => {
    const proto = `"__proto__":{"polluted":"${MARK}","status":"${MARK}"}`;
    const answer = await askBetweenNeighbours(
      `{${[...all, proto]},"__typename":"TencentSslCertificate","id":"${sslId}"}`,
    );
    expect(answer.errors).toBeUndefined();
    expect(answer.data).toEqual(goodNeighbours[0]);
  });

  it("is read by its last key where it has one twice, as JSON is", async () => {
    const answer = await askBetweenNeighbours(`{"__typename":"Device","id":"${MARK}","id":"d2"}`);
    expect(answer.data).toEqual(goodNeighbours[2]);
  });
});
