import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";
import { JSON_TYPE, nest, ONE, post as postTo, repeat } from "./graphql-requests.ts";

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 8, seed: "bombs" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 1_000 }),
  });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

const post = (body: unknown, headers = JSON_TYPE) => postTo(subgraph, body, headers);

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
