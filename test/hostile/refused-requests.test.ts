import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";
import {
  type Answer,
  JSON_TYPE,
  nest,
  ONE,
  post as postTo,
  repeat,
  send,
} from "./graphql-requests.ts";

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 8, seed: "refused requests" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 1_000 }),
  });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

const post = (body: unknown, headers: Readonly<Record<string, string>> = JSON_TYPE) =>
  postTo(subgraph, body, headers);

/** Requests that are no question to this server; none gets data. */
const REFUSED: readonly (readonly [
  what: string,
  ask: () => Promise<Answer>,
  ...statuses: number[],
])[] = [
  [
    "several operations as a list",
    () => post([{ query: "{ __typename }" }, { query: "{ __typename }" }]),
    400,
  ],
  ["one operation as a list", () => post([{ query: "{ __typename }" }]), 400],
  ["an empty list", () => post([]), 400],
  [
    "a circle of fragments",
    () => post({ query: "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }" }),
    400,
  ],
  [
    "a fragment in itself",
    () => post({ query: "{ ...A } fragment A on Query { __typename ...A }" }),
    400,
  ],
  [
    "a circle that nobody uses",
    () => post({ query: "{ __typename } fragment A on Query { ...A }" }),
    400,
  ],
  [
    "a circle through objects",
    () =>
      post({
        query: `{ ...A } fragment A on Query { ${ONE} { ...B } } fragment B on DeviceCertificate { id ...C } fragment C on DeviceCertificate { ...B }`,
      }),
    400,
  ],
  ["a mutation", () => post({ query: "mutation { __typename }" }), 400],
  ["a subscription", () => post({ query: "subscription { __typename }" }), 400],
  [
    "a mutation by GET",
    () => get("mutation { __typename }", { "apollo-require-preflight": "1" }),
    400,
    405,
  ],
  ["a GET of another site", () => get("{ __typename }"), 400],
  [
    "a GET with a form's type",
    () => get("{ __typename }", { "content-type": "text/plain" }),
    400,
    415,
  ],
  [
    "plain text of another site",
    () => post({ query: "{ __typename }" }, { "content-type": "text/plain" }),
    415,
  ],
  [
    "plain text in disguise",
    () => post({ query: "{ __typename }" }, { "content-type": "text/plain; application/json" }),
    415,
  ],
  [
    "a form of another site",
    () => post("query={__typename}", { "content-type": "application/x-www-form-urlencoded" }),
    415,
  ],
  [
    "an upload of another site",
    () =>
      post(
        '--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query":"{ __typename }"}\r\n--x--',
        { "content-type": "multipart/form-data; boundary=x" },
      ),
    415,
  ],
  [
    "GraphQL as the body",
    () => post("{ __typename }", { "content-type": "application/graphql" }),
    415,
  ],
  [
    "a registered query that nobody registered",
    () => post({ extensions: { persistedQuery: { version: 1, sha256Hash: "0".repeat(64) } } }),
    200,
    400,
  ],
  [
    "the registration of a query",
    () =>
      post({
        query: "{ __typename }",
        extensions: {
          persistedQuery: {
            version: 1,
            sha256Hash: "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b",
          },
        },
      }),
    200,
    400,
  ],
  [
    "an operation that is not there",
    () => post({ query: "query A { __typename }", operationName: "B" }),
    400,
  ],
  [
    "two operations, none named",
    () => post({ query: "query A { __typename } query B { __typename }" }),
    400,
  ],
  [
    "two operations of one name",
    () => post({ query: "query A { __typename } query A { __typename }", operationName: "A" }),
    400,
  ],
  ["a field that is not there", () => post({ query: "{ deviceCertificat { id } }" }), 400],
  [
    "an argument that is not there",
    () => post({ query: '{ deviceCertificate(ids: "x") { id } }' }),
    400,
  ],
  ["a type that is not there", () => post({ query: "{ ... on DeviceCertificat { id } }" }), 400],
  ["an object without fields", () => post({ query: `{ ${ONE} }` }), 400],
  [
    "a variable of a type that is not there",
    () => post({ query: "query ($v: Idd) { __typename }" }),
    400,
  ],
  [
    "a variable that does not fit",
    () =>
      post({
        query: "query ($id: ID!) { deviceCertificate(id: $id) { id } }",
        variables: { id: { a: 1 } },
      }),
    400,
  ],
  [
    "a variable that is missing",
    () => post({ query: "query ($id: ID!) { deviceCertificate(id: $id) { id } }" }),
    400,
  ],
  [
    "introspection without an end",
    () =>
      post({
        query: `{ __schema { ${nest(4, "types { fields { type {", "name", "} } }")} } }`.replace(
          "types { fields { type {types",
          "types { fields { type { fields { type { fields {types",
        ),
      }),
    400,
  ],
  ["deferred parts", () => post({ query: `{ ... @defer { __typename } }` }), 400],
];

async function get(query: string, headers: Record<string, string> = {}) {
  return send(subgraph, `/graphql?query=${encodeURIComponent(query)}`, { headers });
}

describe("a request that is no question", () => {
  const refused = REFUSED.map(([what, ask, ...statuses]) => ({ what, ask, statuses }));

  it.each(refused)("gets errors and no data: $what", async ({ ask, statuses }) => {
    const { status, text, code } = await ask();
    expect(statuses, text).toContain(status);
    expect(code).toMatch(/^[A-Z_]+$/);
    expect(text).not.toContain('"data"');
    expect(text).not.toMatch(/did you mean|stacktrace|node_modules|\.[jt]s:\d|apollo server/i);
    // The names of what there is are nobody's business who does not know them.
    expect(text).not.toMatch(/"deviceCertificates?"/);
  });

  it("is told in short what is wrong, however long it is", async () => {
    const long = "x".repeat(200_000);
    for (const query of [
      `{ "${long}" }`,
      `{ deviceCertificate(id: [1 "${long}"]) { id } }`,
      `{ ${long} }`,
    ]) {
      const { status, text } = await post({ query });
      expect(status).toBe(400);
      expect(text.length).toBeLessThan(2_000);
    }
    const variables = { id: { [long]: long } };
    const query = "query ($id: ID!) { deviceCertificate(id: $id) { id } }";
    expect((await post({ query, variables })).text.length).toBeLessThan(2_000);
  });

  it("is told a few mistakes of many", async () => {
    const { text } = await post({ query: `{ ${repeat(1000, (i) => `x${i}`)} }` });
    expect(JSON.parse(text).errors.length).toBeLessThanOrEqual(21);
  });
});

describe("what is no attack", () => {
  it("is answered: a thousand ids written out, and as representations", async () => {
    const ids = emulator.fleet.products.flatMap((product) => product.ids());
    const thousand = Array.from({ length: 1000 }, (_, index) => ids[index % ids.length] ?? "");
    const list = thousand.map((id) => JSON.stringify(id)).join("\n");
    const direct = await subgraph.ask(`{ deviceCertificates(ids: [${list}]) { id } }`);
    expect(direct.errors).toBeUndefined();
    expect(direct.data.deviceCertificates).toHaveLength(1000);
    const written = thousand.map(
      (id) => `{ __typename: "DeviceCertificate", id: ${JSON.stringify(id)} }`,
    );
    const entities = await subgraph.ask(
      `{ _entities(representations: [${written}]) { ... on DeviceCertificate { id } } }`,
    );
    expect(entities.errors).toBeUndefined();
    expect(entities.data._entities).toHaveLength(1000);
  });
});
