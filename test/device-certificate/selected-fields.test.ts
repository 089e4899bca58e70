import {
  buildSchema,
  type DocumentNode,
  executeSync,
  type GraphQLResolveInfo,
  parse,
} from "graphql";
import { describe, expect, it } from "vitest";
import { collectSelectedFields } from "../../src/device-certificate/selected-fields.ts";

const schema = buildSchema(`
  type Query { certificate: Certificate, list: [Certificate!] }
  interface Certificate { id: ID, orderId: ID, nested: Certificate }
  type A implements Certificate { id: ID, orderId: ID, nested: Certificate, onlyA: Int }
  type B implements Certificate { id: ID, orderId: ID, nested: Certificate, onlyB: Int }
`);

/** The fields that the resolver of `certificate` finds selected. */
function collect(source: string | DocumentNode, variableValues: Record<string, unknown> = {}) {
  let found: ReadonlySet<string> = new Set(["the resolver was not asked"]);
  const { errors } = executeSync({
    schema,
    document: typeof source === "string" ? parse(source) : source,
    variableValues,
    rootValue: {
      certificate: (_: unknown, __: unknown, info: GraphQLResolveInfo) => {
        found = collectSelectedFields(info);
        return null;
      },
    },
  });
  expect(errors).toBeUndefined();
  return [...found].sort();
}

describe("collectSelectedFields", () => {
  it("finds plain fields by their names, whatever their aliases", () => {
    expect(collect("{ certificate { id number: orderId } }")).toEqual(["id", "orderId"]);
  });

  it("does not take an alias for a field", () => {
    expect(collect("{ certificate { orderId: id } }")).toEqual(["id"]);
  });

  it("does not look below the selected fields", () => {
    expect(collect("{ certificate { nested { orderId } } }")).toEqual(["nested"]);
  });

  it("finds fields in inline fragments, with a type and without", () => {
    expect(
      collect("{ certificate { ... { id } ... on A { onlyA ... on A { orderId } } } }"),
    ).toEqual(["id", "onlyA", "orderId"]);
  });

  it("finds fields in fragments within fragments", () => {
    expect(
      collect(`
        { certificate { ...outer } }
        fragment outer on Certificate { id ...inner }
        fragment inner on B { onlyB }
      `),
    ).toEqual(["id", "onlyB"]);
  });

  it("joins the selections of a field that stands several times", () => {
    expect(collect("{ certificate { id } certificate { orderId } }")).toEqual(["id", "orderId"]);
  });

  it("joins a fragment that is spread several times", () => {
    expect(
      collect(
        "{ certificate { ...f ... on A { ...f } } certificate { ...f } } fragment f on Certificate { id }",
      ),
    ).toEqual(["id"]);
  });

  it("leaves out what @skip and @include take away, with literals and variables", () => {
    const query = `query ($yes: Boolean!, $no: Boolean!) {
      certificate {
        id @include(if: $yes)
        orderId @include(if: $no)
        ... on A @skip(if: $yes) { onlyA }
        ...f @include(if: false)
        nested @skip(if: $no) { id }
      }
    }
    fragment f on B { onlyB }`;
    expect(collect(query, { yes: true, no: false })).toEqual(["id", "nested"]);
  });

  it("uses the default values of variables", () => {
    const query =
      "query ($detail: Boolean = false) { certificate { id orderId @include(if: $detail) } }";
    expect(collect(query)).toEqual(["id"]);
    expect(collect(query, { detail: true })).toEqual(["id", "orderId"]);
  });

  it("finds a fragment that is taken away in one place and stands in another", () => {
    expect(
      collect(
        "{ certificate { ...f @skip(if: true) ... on A { ...f } } } fragment f on Certificate { id orderId }",
      ),
    ).toEqual(["id", "orderId"]);
  });

  it("finds __typename", () => {
    expect(collect("{ certificate { __typename } }")).toEqual(["__typename"]);
  });

  it("finds the same again in a document that it has seen", () => {
    const document = parse("{ certificate { id ... on A { onlyA } } }");
    expect([collect(document), collect(document)]).toEqual([
      ["id", "onlyA"],
      ["id", "onlyA"],
    ]);
  });

  it.each([
    "{ certificate { id orderId @include(if: $yes) } }",
    "{ certificate { id ... on A @include(if: $yes) { orderId } } }",
    "{ certificate { id ...more } } fragment more on A { ... { orderId @include(if: $yes) } }",
  ])("looks at the conditions each time: %s", (selection) => {
    const document = parse(`query ($yes: Boolean!) ${selection}`);
    const find = (yes: boolean) => collect(document, { yes });
    expect([find(false), find(true), find(false)]).toEqual([["id"], ["id", "orderId"], ["id"]]);
  });
});
