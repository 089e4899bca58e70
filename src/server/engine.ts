// Answers questions in GraphQL: by Apollo Server, or the short way where that has nothing left to decide.
import type { IncomingHttpHeaders } from "node:http";
import { HeaderMap } from "@apollo/server";
import { type DocumentNode, type GraphQLError, getOperationAST } from "graphql";
import { LRUCache } from "lru-cache";
import type { RequestContext } from "../context.ts";
import { ProviderError } from "../errors.ts";
import { createErrorWriter, toAnswerJson } from "../execution/answer-text.ts";
import { createExecute, type Operation } from "../execution/execute.ts";
import type { Answer } from "./answer.ts";
import {
  type ApolloOptions,
  createApollo,
  MAX_VALIDATION_ERRORS,
  toPublicError,
} from "./apollo.ts";
import { type CostLimit, createCostCheck, type Variables } from "./cost-limit.ts";
import { toCachePolicy } from "./freshness.ts";

export interface EngineOptions
  extends Pick<ApolloOptions, "schema" | "isPublic" | "allowsTraces" | "log" | "metrics"> {
  readonly limits: ApolloOptions["limits"] & CostLimit;
}

/** A question as it came over HTTP. */
export interface Question {
  /** Of POST, the body is JSON. */
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the URL, with its question mark. */
  readonly search: string;
  /** Parsed. */
  readonly body: unknown;
}

export interface Engine {
  answer(question: Question, context: RequestContext): Promise<Answer>;
  stop(): Promise<void>;
}

/** How many characters of documents are remembered that Apollo Server let through; parsed they take fifty times as much. */
const MAX_REMEMBERED_CHARACTERS = 500_000;
const MAX_REMEMBERED_MEDIA_TYPES = 100;
const TRACE_HEADER = "apollo-federation-include-trace";

export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { schema, limits, isPublic, metrics } = options;
  const execute = createExecute({ ...schema, maxErrors: MAX_VALIDATION_ERRORS });
  const checkCost = createCostCheck(limits);
  const writeErrors = createErrorWriter((error) => toPublicError(error.toJSON(), error, options));
  const documents = new LRUCache<string, DocumentNode>({
    maxSize: MAX_REMEMBERED_CHARACTERS,
    sizeCalculation: (_document, text) => text.length + 1,
  });
  /** Of answers, by what requests say that they accept. */
  const mediaTypes = new LRUCache<string, string>({ max: MAX_REMEMBERED_MEDIA_TYPES });
  const apollo = createApollo({
    ...options,
    execute,
    checkCost,
    onValidDocument: (document, text) => documents.set(text, document),
  });
  await apollo.start();
  return { answer, stop: () => apollo.stop() };

  async function answer(question: Question, context: RequestContext): Promise<Answer> {
    const mediaType = mediaTypes.get(question.headers.accept ?? "");
    const operation = findKnown(question);
    if (mediaType === undefined || operation === undefined) return askApollo(question, context);
    const executed = execute({ ...operation, context, isTraced: false });
    const result = await executed.catch(() => undefined);
    // What went wrong, and how that is told, is Apollo Server's to say, except of clouds: they fail for thousands at once.
    // Nothing is executed twice.
    const errors = result?.errors ?? [];
    if (result === undefined || errors.length > limits.errors || !errors.every(isOfCloud)) {
      return askApollo(question, { ...context, executed });
    }
    const hasErrors = errors.length > 0;
    const { cacheControl, extensions } = toCachePolicy(context, { isPublic, hasErrors });
    metrics.onAnswer(performance.now() - context.arrivedAtMs, hasErrors);
    return {
      status: 200,
      headers: { "cache-control": cacheControl, "content-type": mediaType },
      body: toAnswerJson(
        { data: result.data, extensions },
        hasErrors ? writeErrors(errors) : undefined,
      ),
    };
  }

  /** Where it is certain that Apollo Server would execute it. */
  function findKnown({
    method,
    headers,
    body,
  }: Question): Omit<Operation, "context" | "isTraced"> | undefined {
    if (method !== "POST" || TRACE_HEADER in headers || !isPlain(body)) return undefined;
    const document = documents.get(body.query);
    const operationName = body.operationName ?? undefined;
    const variables = body.variables ?? {};
    const operation = document && getOperationAST(document, operationName);
    if (!operation) return undefined;
    try {
      checkCost(operation, document, variables);
    } catch {
      return undefined;
    }
    return { document, operationName, variables };
  }

  async function askApollo(
    { method, headers, search, body }: Question,
    context: RequestContext,
  ): Promise<Answer> {
    const answer = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method, headers: toHeaderMap(headers), search, body },
      context: async () => context,
    });
    if (answer.body.kind !== "complete") throw new Error("an answer in pieces");
    const status = answer.status ?? 200;
    const mediaType = answer.headers.get("content-type");
    if (method === "POST" && status === 200 && mediaType !== undefined) {
      mediaTypes.set(headers.accept ?? "", mediaType);
    }
    return { status, headers: Object.fromEntries(answer.headers), body: answer.body.string };
  }
}

function isOfCloud({ originalError, path }: GraphQLError): boolean {
  return originalError instanceof ProviderError && path !== undefined;
}

/** A body that asks for nothing but an operation. */
interface PlainBody {
  readonly query: string;
  readonly operationName?: string | null;
  readonly variables?: Variables | null;
}

function isPlain(body: unknown): body is PlainBody {
  if (!isRecord(body) || "extensions" in body || typeof body["query"] !== "string") return false;
  const { operationName = null, variables = null } = body;
  return (
    (operationName === null || typeof operationName === "string") &&
    (variables === null || isRecord(variables))
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** As Apollo Server wants them. */
function toHeaderMap(headers: IncomingHttpHeaders): HeaderMap {
  const map = new HeaderMap();
  for (const [name, value] of Object.entries(headers)) {
    if (value) map.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return map;
}
