import { type FieldNode, GraphQLError, Kind, parse } from "graphql";
import { expect, it } from "vitest";
import { FailedPart, findErrors } from "../../src/execution/answer-text.ts";

function toFields(query: string): readonly FieldNode[] {
  const [operation] = parse(query).definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error("no operation");
  return operation.selectionSet.selections.filter((one) => one.kind === Kind.FIELD);
}

it("tells of one error in each of its places, at the field where it was met", () => {
  const shared = new GraphQLError("no", { extensions: { code: "NO", retryAfterMs: 1_000 } });
  const [one, other] = toFields("{ one other }").map((node) => [node]);
  const part = (nodes: readonly FieldNode[] = []) => new FailedPart(shared, nodes);
  const data = { one: [part(one), null, part(one)], other: part(other) };
  const errors = findErrors(data);
  expect(errors.every((error) => error instanceof GraphQLError)).toBe(true);
  const { message, extensions } = shared;
  expect(errors.map((error) => error.toJSON())).toEqual([
    { message, extensions, path: ["one", 0], locations: [{ line: 1, column: 3 }] },
    { message, extensions, path: ["one", 2], locations: [{ line: 1, column: 3 }] },
    { message, extensions, path: ["other"], locations: [{ line: 1, column: 7 }] },
  ]);
  expect(shared.path).toBeUndefined();
});
