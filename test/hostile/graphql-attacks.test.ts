import { getIntrospectionQuery } from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 8, seed: "attacks" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 1_000 }),
  });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

const JSON_TYPE = { "content-type": "application/json" };

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly code: unknown;
}

async function send(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(new URL(path, subgraph.url), init);
  const text = await response.text();
  return { status: response.status, text, code: readCode(text) };
}

/** The code of the first error; the body must be JSON. */
function readCode(text: string): unknown {
  if (text === "") return undefined;
  const { errors }: { errors?: { extensions?: { code?: unknown } }[] } = JSON.parse(text);
  return errors?.[0]?.extensions?.code;
}

const post = (body: unknown, headers: Record<string, string> = JSON_TYPE) =>
  send("/graphql", {
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

const repeat = (count: number, toText: (index: number) => string, separator = " ") =>
  Array.from({ length: count }, (_, index) => toText(index)).join(separator);

const nest = (levels: number, open: string, inner: string, close: string) =>
  open.repeat(levels) + inner + close.repeat(levels);

const ONE = 'deviceCertificate(id: "x")';

/** Documents that are refused before they are validated, however valid they are. */
const BOMBS: readonly (readonly [what: string, query: string])[] = [
  ["100 aliases of one field", `{ ${repeat(101, (i) => `a${i}: __typename`)} }`],
  ["1,000 aliases of certificates", `{ ${repeat(1000, (i) => `a${i}: ${ONE} { id }`)} }`],
  [
    "60 aliases behind a fragment",
    `{ ...F ...F ...F } fragment F on Query { ${repeat(20, (i) => `a${i}: __typename`)} }`,
  ],
  ["500 times one field", `{ ${repeat(500, () => "__typename")} }`],
  ["10,000 times one field", `{ ${repeat(9_990, () => "__typename")} }`],
  [
    "one field often, in fragments",
    `{ ${repeat(60, () => "...F")} } fragment F on Query { __typename }`,
  ],
  ["one field often, in objects", `{ ${repeat(60, () => `${ONE} { id }`)} }`],
  ["10 directives at a field", `{ __typename ${repeat(10, () => "@aa", "")} }`],
  ["1,000 directives at a field", `{ __typename ${repeat(1000, () => "@include(if: true)")} }`],
  [
    "100 fields with a directive",
    `{ ${repeat(10, (i) => `...F @include(if: ${i % 2 === 0})`)} } fragment F on Query { ${repeat(10, (i) => `a${i}: __typename @include(if: true)`)} }`,
  ],
  ["1,000 directives at the operation", `query ${repeat(1000, () => "@x")} { __typename }`],
  [
    "100 directives at variables",
    `query (${repeat(60, (i) => `$v${i}: ID @x @y`)}) { __typename }`,
  ],
  ["100 levels of fields", `{ ${nest(100, "a {", "b", "}")} }`],
  ["3,000 levels of fields", `{ ${nest(3000, "a {", "b", "}")} }`],
  ["3,000 levels of inline fragments", `{ ${nest(3000, "... {", "__typename", "}")} }`],
  ["3,000 levels without an end", "{ a".repeat(3000)],
  ["4,000 levels of lists", `{ deviceCertificates(ids: ${nest(4000, "[", "", "]")}) { id } }`],
  ["2,000 levels of objects", `{ deviceCertificates(ids: ${nest(2000, "{a:", "1", "}")}) { id } }`],
  ["2,000 levels of a type", `query ($v: ${nest(2000, "[", "ID", "]")}) { __typename }`],
  [
    "30 levels through fragments",
    `{ ...F0 } ${repeat(30, (i) => `fragment F${i} on Query { ...F${i + 1} }`)} fragment F30 on Query { __typename }`,
  ],
  [
    "a billion fields by fragments",
    `{ ...F0 } ${repeat(20, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} ...F${i + 1} }`)} fragment F20 on Query { __typename }`,
  ],
  [
    "1,000 fragments in a row",
    `{ ...F0 } ${repeat(1000, (i) => `fragment F${i} on Query { ...F${i + 1} }`)} fragment F1000 on Query { __typename }`,
  ],
  [
    "1,000 fragments that nobody uses",
    `{ __typename } ${repeat(1000, (i) => `fragment F${i} on Query { __typename }`)}`,
  ],
  ["1,000 operations", repeat(1000, (i) => `query Q${i} { __typename }`)],
  [
    "a fragment of 500 equal fields that nobody uses",
    `{ __typename } fragment F on Query { ${repeat(500, () => "__typename")} }`,
  ],
  ["100,000 tokens", `{ ${repeat(100_000, () => "a")} }`],
  ["100,000 closing brackets", "}".repeat(100_000)],
  ["300,000 characters of text", `{ deviceCertificate(id: "${"x".repeat(300_000)}") { id } }`],
  ["300,000 characters of remarks", `#${"x".repeat(300_000)}\n{ __typename }`],
  ["100,000 lines", `${"\n".repeat(100_000)}{ __typename }`],
  ["a name of 1,000 characters", `{ ${"a".repeat(1000)}: __typename }`],
  ["100,000 variables", `query (${repeat(20_000, (i) => `$v${i}: ID`)}) { __typename }`],
];

describe("a document that is made to cost much", () => {
  it.each(BOMBS)("is refused for it: %s", async (_what, query) => {
    const { status, text, code } = await post({ query });
    expect(text).not.toContain('"data"');
    expect(status).toBe(400);
    expect(["GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"]).toContain(code);
    expect(text.length).toBeLessThan(1_000);
    expect(JSON.parse(text).errors).toHaveLength(1);
  });

  it("is refused with the status 400 for clients too that expect 200 of what is not valid", async () => {
    const accept = { ...JSON_TYPE, accept: "application/json" };
    for (const [what, query] of BOMBS)
      expect((await post({ query }, accept)).status, what).toBe(400);
  });

  it("keeps nobody waiting, a hundred of them neither", async () => {
    const bombs = Promise.all(
      repeat(100, String, ",")
        .split(",")
        .map((index) => post({ query: BOMBS[Number(index) % BOMBS.length]?.[1] })),
    );
    expect(await subgraph.ask("{ __typename }")).toEqual({ data: { __typename: "Query" } });
    for (const { status } of await bombs) expect(status).toBe(400);
  });
});

const ALL = `... on X509DeviceCertificate { ${repeat(20, (i) => `a${i}: pem`)} } id`;

describe("a question whose answer would be too long", () => {
  it.each([
    [
      "many certificates under many names",
      `query ($ids: [ID!]!) { ${repeat(25, (i) => `a${i}: deviceCertificates(ids: $ids) { ${ALL} }`)} }`.replaceAll(
        /a(\d+): pem/g,
        "pem",
      ),
    ],
    [
      "the same in a fragment",
      `query ($ids: [ID!]!) { ...A ...B } ${["A", "B"].map((name) => `fragment ${name} on Query { ${repeat(20, (i) => `${name}${i}: deviceCertificates(ids: $ids) { ${repeat(15, () => "id")} }`)} }`).join(" ")}`,
    ],
  ])("is refused: %s", async (_what, query) => {
    const ids = Array.from({ length: 1000 }, () => "x");
    const { status, code, text } = await post({ query, variables: { ids } });
    expect({ status, code }).toEqual({ status: 400, code: "BAD_USER_INPUT" });
    expect(text).toContain("500000");
  });

  it("is refused whole when it has too many errors", async () => {
    const query = `query ($ids: [ID!]!) { ${repeat(6, (i) => `a${i}: deviceCertificates(ids: $ids) { id }`)} }`;
    const ids = Array.from({ length: 1000 }, (_, index) => `x${index}`);
    const { status, code, text } = await post({ query, variables: { ids } });
    expect({ status, code }).toEqual({ status: 400, code: "BAD_USER_INPUT" });
    expect(text).not.toContain('"data"');
    expect(JSON.parse(text).errors).toHaveLength(1);
  });
});

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
  return send(`/graphql?query=${encodeURIComponent(query)}`, { headers });
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
  it("is answered: introspection, as tools send it, on loopback", async () => {
    const query = getIntrospectionQuery({
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    });
    expect((await post({ query })).text).toContain('"TencentSslCertificate"');
    expect((await post({ query: "{ _service { sdl } }" })).text).toContain("@key");
  });

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

describe("where the schema is nobody's business", () => {
  it.each([
    ["the whole of it", "{ __schema { types { name } } }"],
    ["one type", '{ __type(name: "Query") { name } }'],
    ["under another name", '{ x: __type(name: "Query") { name } }'],
    ["in a fragment", "{ ...F } fragment F on Query { __schema { types { name } } }"],
    ["in an inline fragment", "{ ... on Query { ... { __schema { queryType { name } } } } }"],
    ["beside a question", `{ ${ONE} { id } __schema { types { name } } }`],
    ["as gateways ask for it", "{ _service { sdl } }"],
    [
      "in a fragment that is left out",
      "{ __typename ...F @include(if: false) } fragment F on Query { __schema { types { name } } }",
    ],
  ])("it cannot be asked for: %s", async (_what, query) => {
    const closed = await startTestSubgraph({
      connections: toConnections(emulator),
      sections: { schema: { introspection: "off" } },
    });
    try {
      const { data, errors } = await closed.ask(query);
      expect(data).toBeUndefined();
      expect(errors).toEqual([
        {
          message: "The schema cannot be asked for here.",
          extensions: { code: "GRAPHQL_VALIDATION_FAILED" },
        },
      ]);
      expect(await closed.ask("{ __typename }")).toEqual({ data: { __typename: "Query" } });
    } finally {
      await closed.close();
    }
  });
});
