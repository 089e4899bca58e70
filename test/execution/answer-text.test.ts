import { type FieldNode, GraphQLError, Kind, parse } from "graphql";
import { expect, it } from "vitest";
import { createErrorWriter, FailedPart, findErrors } from "../../src/execution/answer-text.ts";

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

it("tells of one error in answers to several questions, each with its own places", () => {
  const shared = new GraphQLError("no");
  const [one, other] = toFields("{ one other }");
  if (one === undefined || other === undefined) throw new Error("unreachable");
  const locate = (...nodes: FieldNode[]) =>
    findErrors([null, new FailedPart(shared, nodes)]).map(({ path, locations }) => ({
      path,
      columns: locations?.map(({ column }) => column),
    }));
  expect(locate(one)).toEqual([{ path: [1], columns: [3] }]);
  expect(locate(one)).toEqual([{ path: [1], columns: [3] }]);
  expect(locate(other)).toEqual([{ path: [1], columns: [7] }]);
  expect(locate(one, other)).toEqual([{ path: [1], columns: [3, 7] }]);
  expect(locate(one)).toEqual([{ path: [1], columns: [3] }]);
});

it("writes errors as JSON.stringify does, and forms each once for all its places", () => {
  const [one, other] = toFields("{ one other }").map((node) => [node]);
  const part = (error: Error, nodes: readonly FieldNode[] = []) => new FailedPart(error, nodes);
  const shared = new GraphQLError('a "path":[] of 元', { extensions: { path: [], code: "NO" } });
  const others = [new GraphQLError("other"), new Error("plain")];
  const errors = findErrors([
    ...Array.from({ length: 3 }, () => part(shared, one)),
    part(shared, other),
    ...others.map((error) => part(error, one)),
    { 'a "name"\n': part(shared, other) },
  ]);
  const toTold = (error: GraphQLError) => ({ ...error.toJSON(), message: `${error.message}!` });
  const formed: GraphQLError[] = [];
  const write = createErrorWriter((error) => {
    formed.push(error);
    return toTold(error);
  });
  expect(write(errors)).toBe(JSON.stringify(errors.map(toTold)));
  expect(write([])).toBe("[]");
  expect(formed).toHaveLength(4);
});
