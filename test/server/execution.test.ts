import "reflect-metadata";
import { type ExecutionResult, execute as interpret, Kind, parse, validate } from "graphql";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createConfigSchema } from "../../src/config/index.ts";
import { createRequestContext, type RequestContext, type Subgraph } from "../../src/context.ts";
import { CertificateCatalog } from "../../src/device-certificate/certificate-id.ts";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { connectProducts } from "../../src/providers/connect.ts";
import { products } from "../../src/providers/index.ts";
import { CertificateCache } from "../../src/retrieval/certificate-cache.ts";
import { Retrieval } from "../../src/retrieval/retrieval.ts";
import { createSchema, type SubgraphSchema } from "../../src/schema.ts";
import { SCOPES } from "../../src/scopes.ts";
import { createExecute, type Execute } from "../../src/server/execution.ts";
import { toAllProductsVariables } from "../support/all-products.ts";
import { readOperation } from "../support/operations.ts";
import { toConnections } from "../support/subgraph.ts";

const MAX_ENTITIES = 30;
const EVERYTHING = Object.values(SCOPES);

let emulator: Emulator;
let connected: Awaited<ReturnType<typeof connectProducts>>;
let subgraph: Subgraph;
let schema: SubgraphSchema;
let execute: Execute;
/** How often the resolvers of each schema were asked. */
let asked: { interpreted: number; compiled: number };
let ids: readonly string[];

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-11-22T13:25:46.789Z") });
  emulator = await startEmulator({ fleetSize: 20, seed: "execution", quotas: "off" });
  const config = createConfigSchema(products).parse({
    connections: toConnections(emulator, { callsPerSecond: 1000 }),
    answer: { maxEntities: MAX_ENTITIES },
  });
  const log = pino({ level: "silent" });
  connected = await connectProducts({
    products,
    connections: config.connections,
    withinMs: config.answer.withinMs,
    log,
  });
  const catalog = new CertificateCatalog(connected.products);
  subgraph = {
    catalog,
    devices: { findCertificateIds: (id) => (id === "unknown" ? [] : id.split(" ")) },
    secretsDesk: undefined,
    retrieval: new Retrieval({ cache: new CertificateCache(config.cache), log }),
    actions: connected.actions,
    answer: config.answer,
  };
  schema = await createSchema({ products });
  for (const [name, one] of [
    ["interpreted", schema.schema],
    ["compiled", schema.compilable],
  ] as const) {
    for (const field of Object.values(one.getQueryType()?.getFields() ?? {})) {
      const { resolve } = field;
      field.resolve = (...args) => {
        asked[name] += 1;
        return resolve?.(...args);
      };
    }
  }
  ids = [4, 5, 6].flatMap((index) => emulator.fleet.products.map((one) => one.at(index).id));
});

afterAll(async () => {
  vi.useRealTimers();
  await connected?.close();
  await emulator?.close();
});

interface Question {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
  readonly scopes?: readonly string[];
}

function createContext(scopes: readonly string[]): RequestContext {
  const caller = { subject: null, scopes: new Set(scopes) };
  return createRequestContext(subgraph, caller, {
    requestId: "1",
    arrivedAtMs: performance.now(),
    signal: undefined,
  });
}

/** The answer of graphql-js, and that of the third time that the question comes. */
async function askBoth({ query, variables = {}, operationName, scopes = EVERYTHING }: Question) {
  asked = { interpreted: 0, compiled: 0 };
  execute = createExecute(schema);
  const document = parse(query);
  expect(validate(schema.schema, document)).toEqual([]);
  const operation = document.definitions.find(
    (one) =>
      one.kind === Kind.OPERATION_DEFINITION &&
      (operationName === undefined || one.name?.value === operationName),
  );
  const request = {
    document,
    operation: operation?.kind === Kind.OPERATION_DEFINITION ? operation : undefined,
    operationName,
    variables,
    isTraced: false,
  };
  // What is read from a cloud is in the cache from now on, so that all see the same.
  const results: ExecutionResult[] = [];
  for (let times = 0; times < 3; times += 1) {
    asked = { interpreted: 0, compiled: 0 };
    results.push(await execute({ ...request, context: createContext(scopes) }));
  }
  const byUs = { ...asked };
  const byGraphQl = await interpret({
    schema: schema.schema,
    document,
    contextValue: createContext(scopes),
    variableValues: variables,
    operationName: operationName ?? null,
  });
  return { expected: toText(byGraphQl), answers: results.map(toText), asked: byUs };
}

/** Everything that a client may see, in its order. Until when to wait changes from one moment to the next. */
function toText({ data, errors }: ExecutionResult): string {
  const shown = errors?.map((error) => error.toJSON());
  return JSON.stringify({ errors: shown, data }, (key, value) =>
    key === "retryAfterMs" ? "later" : value,
  );
}

const LIST = "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id status } }";
const represent = (id: unknown, __typename: unknown = "DeviceCertificate") => ({ __typename, id });

const DEVICES = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on Device {
      id
      certificate { ...Certificate }
      certificates { ...Certificate ... on X509DeviceCertificate { subject } }
      certificateAvailability
    }
    ...Certificate
  }
}
fragment Certificate on DeviceCertificate { id status fetchedAt }`;

/** Devices with known, unknown and malformed certificates, and others between them. */
function toDevices(): unknown[] {
  const of = (...certificateIds: unknown[]) => represent(certificateIds.join(" "), "Device");
  return [
    of(ids[0], ids[1], ids[0]),
    of("unknown"),
    represent(ids[2]),
    of("malformed", ids[1], "tencent-ssl:default:nowhere"),
    of("tencent-ssl:default:nowhere"),
    represent("", "Device"),
    of(ids[3], "also:malformed"),
  ];
}

/** Questions that a gateway or a frontend sends again and again. */
const COMPILED: Readonly<Record<string, () => Question>> = {
  "all products at once": () => ({
    query: readOperation("all-products"),
    variables: toAllProductsVariables(emulator, 3),
  }),
  "every field of a list": () => ({
    query: readOperation("certificates", "every-field"),
    variables: { ids },
  }),
  "every field that is cheap": () => ({
    query: readOperation("certificates", "every-field"),
    variables: { ids, detail: false },
  }),
  "every field of entities": () => ({
    query: readOperation("entities", "every-field"),
    variables: { representations: ids.map((id) => represent(id)), detail: true },
  }),
  "a root field among other operations": () => ({
    query: readOperation("root-fields", "every-field"),
    operationName: "TencentSsl",
    variables: { certificateId: emulator.fleet.tencentSsl.at(7).key[0] },
  }),
  "personal data": () => ({
    query: readOperation("personal-data"),
    variables: { certificateId: emulator.fleet.tencentSsl.at(7).key[0] },
  }),
  "personal data without the scope": () => ({
    query: readOperation("personal-data"),
    variables: { certificateId: emulator.fleet.tencentSsl.at(7).key[0] },
    scopes: [SCOPES.read],
  }),
  "personal data in a list, without the scope": () => ({
    query: `query ($ids: [ID!]!) {
      deviceCertificates(ids: $ids) { id ... on TencentSslCertificate { submittedData { adminEmail } } }
    }`,
    variables: { ids },
    scopes: [SCOPES.read],
  }),
  "sealed fields": () => ({
    query: readOperation("sealed-fields"),
    variables: { iot: ids[2], mqtt: ids[3], ssl: ids[1], recipient: "{}" },
  }),
  "sealed fields without the scope": () => ({
    query: readOperation("sealed-fields"),
    variables: { iot: ids[2], mqtt: ids[3], ssl: ids[1], recipient: "{}" },
    scopes: [SCOPES.read],
  }),
  "what no cloud has, between what they have": () => ({
    query: LIST,
    variables: { ids: [ids[0], "tencent-ssl:default:nowhere", ids[1], ids[0]] },
  }),
  "malformed ids between good ones": () => ({
    query: LIST,
    variables: { ids: ["", ids[0], "tencent-ssl", "nobody:default:x", ids[1], "a:b:c:d:e"] },
  }),
  "numbers as ids": () => ({ query: LIST, variables: { ids: [1, ids[0]] } }),
  "one id where a list is expected": () => ({ query: LIST, variables: { ids: ids[0] } }),
  "no ids": () => ({ query: LIST, variables: { ids: [] } }),
  "more ids than are allowed": () => ({
    query: LIST,
    variables: { ids: Array.from({ length: MAX_ENTITIES + 1 }, () => ids[0]) },
  }),
  "hostile representations": () => ({
    query: `query ($representations: [_Any!]!) {
      _entities(representations: $representations) {
        __typename
        ... on DeviceCertificate { id status fetchedAt }
        ... on X509DeviceCertificate { subject pem }
      }
    }`,
    variables: {
      representations: [
        represent(ids[0]),
        7,
        "text",
        [],
        {},
        represent(null),
        represent(ids[0], "Query"),
        represent(ids[1], "X509DeviceCertificate"),
        represent(ids[3], "X509DeviceCertificate"),
        represent("tencent-ssl:default:nowhere"),
        represent({ id: ids[0] }),
        represent(ids[1], "constructor"),
        { ...represent(ids[1]), subject: "forged", status: "FORGED" },
      ],
    },
  }),
  "an argument that is left out": () => ({
    query: `query ($certificateId: ID!, $connection: String) {
      tencentSslCertificate(certificateId: $certificateId, connection: $connection) { id }
    }`,
    variables: { certificateId: emulator.fleet.tencentSsl.at(7).key[0] },
  }),
  "an argument that is null": () => ({
    query: `query ($certificateId: ID!, $connection: String) {
      tencentSslCertificate(certificateId: $certificateId, connection: $connection) { id }
    }`,
    variables: { certificateId: emulator.fleet.tencentSsl.at(7).key[0], connection: null },
  }),
  "a connection that is not configured": () => ({
    query: `query ($certificateId: ID!, $connection: String = "nowhere") {
      tencentSslCertificate(certificateId: $certificateId, connection: $connection) { id }
    }`,
    variables: { certificateId: "x" },
  }),
  "aliases, fields twice, and fields in many fragments": () => ({
    query: `query ($ids: [ID!]!, $id: ID!) {
      a: deviceCertificates(ids: $ids) { ...Names id other: id ...Names }
      b: deviceCertificates(ids: $ids) { ... on X509DeviceCertificate { ...Names notAfter } id }
      constructor: deviceCertificate(id: $id) { hasOwnProperty: id toString: status then: id }
      b: deviceCertificates(ids: $ids) { ... on TencentSslCertificate { extra { smCert } } }
      b: deviceCertificates(ids: $ids) { ... on TencentSslCertificate { extra { companyType } } }
    }
    fragment Names on DeviceCertificate { status provider ... on X509DeviceCertificate { commonName } }`,
    variables: { ids, id: ids[0] },
  }),
  "a fragment under two conditions": () => ({
    query: `query ($ids: [ID!]!, $yes: Boolean!, $no: Boolean = false) {
      a: deviceCertificates(ids: $ids) { ...Names @include(if: $no) ...Other }
      b: deviceCertificates(ids: $ids) { ...Names @include(if: $yes) ...Other @skip(if: $yes) }
      c: deviceCertificates(ids: $ids) @skip(if: $yes) { id }
      d: deviceCertificates(ids: $ids) { id @skip(if: $no) @include(if: $yes) status @include(if: false) }
    }
    fragment Names on DeviceCertificate { status ...Other }
    fragment Other on DeviceCertificate { connection providerStatus @include(if: $yes) }`,
    variables: { ids, yes: true },
  }),
  "nothing left by its conditions": () => ({
    query: `query ($ids: [ID!]!, $no: Boolean!) {
      deviceCertificates(ids: $ids) { id @include(if: $no) }
      other: deviceCertificates(ids: $ids) @include(if: $no) { id }
    }`,
    variables: { ids, no: false },
  }),
  "devices with their certificates": () => ({
    query: DEVICES,
    variables: { representations: toDevices() },
  }),
  "devices without the scope": () => ({
    query: DEVICES,
    variables: { representations: toDevices().filter((_, index) => index !== 2) },
    scopes: [],
  }),
  quotas: () => ({ query: "{ providerQuotas { provider action circuit } }" }),
  "quotas without the scope": () => ({
    query: "{ providerQuotas { provider } }",
    scopes: [SCOPES.read],
  }),
  "names of types alone": () => ({
    query: "query ($ids: [ID!]!) { __typename deviceCertificates(ids: $ids) { __typename } }",
    variables: { ids },
  }),
};

/** Written into the text, this would be run when it is compiled by graphql-jit 0.8.9. */
const CODE = "__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74dglobalThis.wasRun=true";

/** Questions that are answered by graphql-js, however often they come. */
const INTERPRETED: Readonly<Record<string, () => Question>> = {
  "values in the text": () => ({
    query: `{ deviceCertificates(ids: ["${ids[0]}", "x"]) { id status } }`,
  }),
  "code in the text": () => ({ query: `{ deviceCertificate(id: "${CODE}") { id } }` }),
  "code in a default": () => ({
    query: `query ($ids: [ID!] = ["${CODE}"]) { deviceCertificates(ids: $ids) { id } }`,
  }),
  "representations in the text": () => ({
    query: `query ($id: ID!) {
      _entities(representations: [{ __typename: "DeviceCertificate", id: $id, __proto__: 1 }]) {
        ... on DeviceCertificate { id }
      }
    }`,
    variables: { id: ids[0] },
  }),
  "the key of a prototype as an alias": () => ({
    query: `query ($id: ID!) { __proto__: deviceCertificate(id: $id) { id __proto__: status } }`,
    variables: { id: ids[0] },
  }),
  "the schema": () => ({
    query: '{ __schema { queryType { name } } __type(name: "Query") { kind } }',
  }),
  "the subgraph's definition and certificates": () => ({
    query: `query ($id: ID!) { __typename deviceCertificate(id: $id) { id } __type(name: "ID") { name } }`,
    variables: { id: ids[0] },
  }),
  "variables that are missing": () => ({ query: LIST }),
  "variables of another type": () => ({ query: LIST, variables: { ids: [true] } }),
  "null among the variables": () => ({ query: LIST, variables: { ids: [ids[0], null] } }),
  "a representation that is null": () => ({
    query: `query ($representations: [_Any!]!) { _entities(representations: $representations) { __typename } }`,
    variables: { representations: [represent(ids[0]), null] },
  }),
  "a condition that is not given": () => ({
    query: `query ($id: ID!, $yes: Boolean!) { deviceCertificate(id: $id) { id @include(if: $yes) } }`,
    variables: { id: ids[0] },
  }),
  "a condition that is a text": () => ({
    query: `query ($id: ID!, $yes: Boolean!) { deviceCertificate(id: $id) { id @include(if: $yes) } }`,
    variables: { id: ids[0], yes: "yes" },
  }),
  "an operation that is not there": () => ({
    query: `query A { __typename } query B { __typename }`,
    operationName: "C",
  }),
};

/** Questions that are compiled, and asked of graphql-js again because there is no answer to them. */
const WITHOUT_ANSWER: Readonly<Record<string, () => Question>> = {
  "no scope at all": () => ({
    query: readOperation("all-products"),
    variables: toAllProductsVariables(emulator, 3),
    scopes: [],
  }),
  "too many representations": () => ({
    query: readOperation("entities", "every-field"),
    variables: {
      representations: Array.from({ length: MAX_ENTITIES + 1 }, () => represent(ids[0])),
    },
  }),
};

describe("an operation that comes again", () => {
  it.each(Object.entries(COMPILED))(
    "is compiled, and answered as by graphql-js: %s",
    async (_name, toQuestion) => {
      const { expected, answers, asked } = await askBoth(toQuestion());
      for (const answer of answers.slice(1)) expect(answer).toEqual(expected);
      expect(asked.compiled).toBeGreaterThan(0);
      expect(asked.interpreted).toBe(0);
    },
  );

  it.each(Object.entries(INTERPRETED))(
    "is left to graphql-js when it holds or lacks %s",
    async (_name, toQuestion) => {
      const { expected, answers, asked } = await askBoth(toQuestion());
      for (const answer of answers) expect(answer).toEqual(expected);
      expect(asked.compiled).toBe(0);
      expect(globalThis).not.toHaveProperty("wasRun");
    },
  );

  it.each(Object.entries(WITHOUT_ANSWER))(
    "fails in the words of graphql-js: %s",
    async (_name, toQuestion) => {
      const { expected, answers, asked } = await askBoth(toQuestion());
      for (const answer of answers) expect(answer).toEqual(expected);
      expect(asked.compiled).toBeGreaterThan(0);
    },
  );

  it("is compiled in a variant for each combination of its conditions", async () => {
    const query = `query ($id: ID!, $a: Boolean!, $b: Boolean!) {
      deviceCertificate(id: $id) { id status @include(if: $a) provider @skip(if: $b) }
    }`;
    for (const a of [true, false]) {
      for (const b of [true, false]) {
        const { expected, answers } = await askBoth({ query, variables: { id: ids[0], a, b } });
        expect(answers.at(-1)).toBe(expected);
      }
    }
  });

  it("is answered by graphql-js as long as each field's time is measured", async () => {
    const document = parse(LIST);
    const [operation] = document.definitions;
    if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error("no operation");
    execute = createExecute(schema);
    asked = { interpreted: 0, compiled: 0 };
    for (let times = 0; times < 3; times += 1) {
      const context = createContext(EVERYTHING);
      const variables = { ids };
      const operationName = undefined;
      await execute({ document, operation, operationName, variables, context, isTraced: true });
    }
    expect(asked).toEqual({ interpreted: 3, compiled: 0 });
  });
});

it("compiles nothing for a text of its own each time", async () => {
  asked = { interpreted: 0, compiled: 0 };
  execute = createExecute(schema);
  for (let times = 0; times < 3; times += 1) {
    const document = parse(LIST);
    const [operation] = document.definitions;
    if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error("no operation");
    const context = createContext(EVERYTHING);
    const variables = { ids };
    const operationName = undefined;
    await execute({ document, operation, operationName, variables, context, isTraced: false });
  }
  expect(asked).toEqual({ interpreted: 3, compiled: 0 });
});
