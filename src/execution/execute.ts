// Runs operations with graphql-js: certificates and entities each by itself, everything around them in outline.
import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type GraphQLSchema,
  visit,
} from "graphql";
import { findErrors } from "./answer-text.ts";
import { createOutline } from "./outline.ts";
import { Parts } from "./parts.ts";

export interface Operation {
  readonly document: DocumentNode;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly context: unknown;
  /** Whether the time of each field is to be measured, which is not kept for parts. */
  readonly isTraced: boolean;
}

/** What it answers is made into JSON by `toJson`. */
export type Execute = (operation: Operation) => Promise<ExecutionResult>;

export interface ExecutionOptions {
  /** The one that callers know. Apollo Server wraps every field of it when a request asks for traces. */
  readonly schema: GraphQLSchema;
  /** The same once more, which nobody wraps. */
  readonly untraced: GraphQLSchema;
  /** How many errors of an operation's variables are told. Default 50. */
  readonly maxErrors?: number;
}

export function createExecute({ schema, untraced, maxErrors = 50 }: ExecutionOptions): Execute {
  const outline = createOutline(untraced, (found, context, info) =>
    parts.toTexts(found, context, info),
  );
  const parts = new Parts(outline.parts);
  const schemaQuestions = new WeakMap<DocumentNode, boolean>();

  return async ({ document, operationName, variables, context, isTraced }) => {
    const isWhole = isTraced || asksForSchema(document);
    const result = await execute({
      schema: isWhole ? schema : outline.query,
      document,
      operationName: operationName ?? null,
      variableValues: variables,
      contextValue: context,
      options: { maxCoercionErrors: maxErrors },
    });
    const { data } = result;
    const errors = [...(result.errors ?? []), ...findErrors(data)];
    return { ...(data !== undefined && { data }), ...(errors.length > 0 && { errors }) };
  };

  function asksForSchema(document: DocumentNode): boolean {
    const known = schemaQuestions.get(document);
    if (known !== undefined) return known;
    let asks = false;
    visit(document, {
      Field({ name }) {
        asks ||= name.value === "__schema" || name.value === "__type";
      },
    });
    schemaQuestions.set(document, asks);
    return asks;
  }
}
