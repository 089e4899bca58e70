// Runs operations: compiled by graphql-jit when they come again, by graphql-js where compiling would not be safe or not
// give the same answer.
import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SourceLocation,
} from "graphql";
import { compileQuery, isCompiledQuery } from "graphql-jit";
import { type CompilableOperation, toCompilable } from "./compilable-operation.ts";

export interface Operation {
  readonly document: DocumentNode;
  /** Undefined when the document has none of this name. */
  readonly operation: OperationDefinitionNode | undefined;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly context: unknown;
  /** Whether the time of each field is to be measured, which compiled operations cannot. */
  readonly isTraced: boolean;
}

export type Execute = (operation: Operation) => ExecutionResult | Promise<ExecutionResult>;

type Run = (
  root: undefined,
  context: unknown,
  variables: Operation["variables"],
) => ExecutionResult | Promise<ExecutionResult>;

export interface ExecutionOptions {
  readonly schema: GraphQLSchema;
  readonly compilable: GraphQLSchema;
  /** How many errors of an operation's variables are told. Default 50. */
  readonly maxErrors?: number;
}

/** What is sent once only, by a person or to do harm, is not worth compiling. */
const COMPILED_FROM = 2;
/** A document has a variant for each combination of its conditions; with more, it is not compiled. */
const MAX_VARIANTS = 16;

/** What is known of an operation, for as long as Apollo Server keeps its document. */
interface Known {
  readonly compilable: CompilableOperation | null;
  readonly variants: Map<string, Run | null>;
  timesSeen: number;
}

export function createExecute({ schema, compilable, maxErrors = 50 }: ExecutionOptions): Execute {
  const known = new WeakMap<OperationDefinitionNode, Known>();

  return (operation) => {
    const run = operation.isTraced ? null : findCompiled(operation);
    return run === null ? interpret(operation) : runCompiled(run, operation);
  };

  function findCompiled({ document, operation, variables }: Operation): Run | null {
    if (operation === undefined) return null;
    let seen = known.get(operation);
    if (seen === undefined) {
      const compilableOperation = toCompilable(document, operation);
      seen = { compilable: compilableOperation, variants: new Map(), timesSeen: 0 };
      known.set(operation, seen);
    }
    seen.timesSeen += 1;
    if (seen.compilable === null || seen.timesSeen < COMPILED_FROM) return null;
    const variant = seen.compilable.toVariant(variables);
    if (variant === null) return null;
    const run = seen.variants.get(variant.name);
    if (run !== undefined) return run;
    if (seen.variants.size >= MAX_VARIANTS) return null;
    const compiled = compile(variant.toDocument());
    seen.variants.set(variant.name, compiled);
    return compiled;
  }

  function compile(document: DocumentNode): Run | null {
    const compiled = compileQuery(compilable, document);
    return isCompiledQuery(compiled) ? compiled.query : null;
  }

  /**
   * Nothing but reading is done, so that what a compiled operation refuses, stumbles over, or finds no answer to is
   * asked again: graphql-js tells it in the words, the order and at the path that everybody knows.
   */
  async function runCompiled(run: Run, operation: Operation): Promise<ExecutionResult> {
    try {
      const { data, errors } = await run(undefined, operation.context, operation.variables);
      if (data && errors === undefined) return { data };
      if (data) return { data, errors: toWholeErrors(errors ?? [], operation.document) };
    } catch {
      // Told below.
    }
    return interpret(operation);
  }

  function interpret({ document, operationName, variables, context }: Operation) {
    return execute({
      schema,
      document,
      operationName: operationName ?? null,
      variableValues: variables,
      contextValue: context,
      options: { maxCoercionErrors: maxErrors },
    });
  }
}

/** What graphql-jit tells lacks what every error of graphql-js has, and Apollo Server relies on that. */
function toWholeErrors(errors: readonly GraphQLError[], { loc }: DocumentNode): GraphQLError[] {
  const source = loc?.source;
  return errors.map(({ message, path, locations, originalError }) => {
    const positions = locations?.map((location) => toPosition(source?.body ?? "", location));
    return new GraphQLError(message, { source, positions, path, originalError });
  });
}

/** The opposite of what graphql-js does. */
function toPosition(text: string, { line, column }: SourceLocation): number {
  const ends = [...text.matchAll(/\r\n|[\n\r]/g)].map((end) => end.index + end[0].length);
  return (ends[line - 2] ?? 0) + column - 1;
}
