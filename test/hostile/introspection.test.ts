import { getIntrospectionQuery } from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";
import { ONE, post } from "./graphql-requests.ts";

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 8, seed: "introspection" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 1_000 }),
  });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

describe("where the schema may be asked for", () => {
  it("is answered: introspection, as tools send it, on loopback", async () => {
    const query = getIntrospectionQuery({
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    });
    expect((await post(subgraph, { query })).text).toContain('"TencentSslCertificate"');
    expect((await post(subgraph, { query: "{ _service { sdl } }" })).text).toContain("@key");
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
