import "reflect-metadata";
import { type ExecutionResult, execute as interpret, parse, validate } from "graphql";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { toAnswerJson } from "../../src/execution/answer-text.ts";
import { createExecute, type Execute } from "../../src/execution/execute.ts";
import { LIST, QUESTIONS, type Question } from "./questions.ts";
import { openScene, type Scene } from "./scene.ts";

let scene: Scene;
let execute: Execute;

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-11-22T13:25:46.789Z") });
  scene = await openScene();
  execute = createExecute(scene.schema);
});

afterAll(async () => {
  vi.useRealTimers();
  await scene?.close();
});

/** The answer of graphql-js, and ours to the same question three times. */
async function askBoth({ query, variables = {}, operationName, scopes }: Question) {
  const { schema } = scene.schema;
  const document = parse(query);
  expect(validate(schema, document)).toEqual([]);
  const askUs = () =>
    execute({
      document,
      operationName,
      variables,
      context: scene.createContext(scopes),
      isTraced: false,
    });
  // What is read from a cloud is in the cache from now on, so that all see the same.
  const ours = [toText(await askUs()), toText(await askUs()), toText(await askUs())];
  const expected = await interpret({
    schema,
    document,
    contextValue: scene.createContext(scopes),
    variableValues: variables,
    operationName: operationName ?? null,
  });
  return { expected: toText(expected, (answer) => JSON.stringify(answer)), ours };
}

/** Everything that a client may see. Errors are in no promised order, and until when to wait changes all the time. */
function toText({ data, errors }: ExecutionResult, stringify = toAnswerJson): string {
  const shown = errors?.map((error) => error.toJSON()).sort(byText);
  const answer = { ...(shown && { errors: shown }), ...(data !== undefined && { data }) };
  // With every character escaped alike.
  const text = JSON.stringify(JSON.parse(stringify(answer)));
  return text.replaceAll(/"retryAfterMs":\d+/g, "");
}

const byText = (one: unknown, other: unknown) =>
  JSON.stringify(one).localeCompare(JSON.stringify(other));

describe("an operation", () => {
  it.each(Object.entries(QUESTIONS))(
    "is answered as by graphql-js, however often it comes: %s",
    async (_name, toQuestion) => {
      const { expected, ours } = await askBoth(toQuestion(scene));
      expect(ours).toEqual([expected, expected, expected]);
      expect(globalThis).not.toHaveProperty("wasRun");
    },
  );

  it("is answered alike in each combination of its conditions", async () => {
    const query = `query ($id: ID!, $a: Boolean!, $b: Boolean!) {
      deviceCertificate(id: $id) { id status @include(if: $a) provider @skip(if: $b) }
    }`;
    for (const a of [true, false]) {
      for (const b of [true, false]) {
        const variables = { id: scene.ids[0], a, b };
        const { expected, ours } = await askBoth({ query, variables });
        expect(ours).toEqual([expected, expected, expected]);
      }
    }
  });

  it("is executed by the schema that Apollo Server watches as long as each field's time is measured", async () => {
    const { schema } = scene.schema;
    const field = schema.getQueryType()?.getFields()["deviceCertificates"];
    const resolve = vi.spyOn(field ?? {}, "resolve" as never);
    const ask = (isTraced: boolean) =>
      execute({
        document: parse(LIST),
        operationName: undefined,
        variables: { ids: scene.ids },
        context: scene.createContext(),
        isTraced,
      });
    const traced = await ask(true);
    expect(resolve).toHaveBeenCalledOnce();
    expect(toText(await ask(false))).toBe(toText(traced));
    expect(resolve).toHaveBeenCalledOnce();
  });
});
