// What Apollo Server may do, what it may tell, and what is counted.
import { ApolloServer, type ApolloServerOptions, type ApolloServerPlugin } from "@apollo/server";
import { unwrapResolverError } from "@apollo/server/errors";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import { ApolloServerPluginInlineTrace } from "@apollo/server/plugin/inlineTrace";
import { type DocumentNode, GraphQLError, type GraphQLFormattedError } from "graphql";
import type { RequestContext } from "../context.ts";
import { toAnswerJson } from "../execution/answer-text.ts";
import type { Execute } from "../execution/execute.ts";
import type { Log } from "../log.ts";
import type { SubgraphSchema } from "../schema.ts";
import type { CheckCost } from "./cost-limit.ts";
import { createErrorRules, toPublicMessage } from "./error-rules.ts";
import { createFreshnessPlugin } from "./freshness.ts";
import type { Metrics } from "./metrics.ts";
import { refuseUnknownOperationTypes } from "./operation-types.ts";
import { withoutQuotedValues } from "./quoted-values.ts";
import { Refusal } from "./refusal.ts";

export interface ApolloOptions {
  readonly schema: SubgraphSchema;
  readonly execute: Execute;
  readonly checkCost: CheckCost;
  readonly limits: { readonly tokens: number; readonly errors: number };
  /** Whether anybody may be given what somebody else asked for. */
  readonly isPublic: boolean;
  /** Whether callers may be told which field took how long. */
  readonly allowsTraces: boolean;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Called with each document that was let through, and its text. */
  readonly onValidDocument: (document: DocumentNode, text: string) => void;
}

/** A mistaken document is told a few mistakes; finding the place of each takes time. */
export const MAX_VALIDATION_ERRORS = 20;

export function createApollo(options: ApolloOptions): ApolloServer<RequestContext> {
  const { limits, isPublic, allowsTraces, log, metrics } = options;
  return new ApolloServer<RequestContext>({
    gateway: toGateway(options),
    // Whether it is allowed is a rule of document-limits.ts.
    introspection: true,
    parseOptions: { maxTokens: limits.tokens },
    validationOptions: { maxErrors: MAX_VALIDATION_ERRORS, hideSuggestions: true },
    validationRules: [refuseUnknownOperationTypes],
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    // Certificates come as text.
    stringifyResult: toAnswerJson,
    hideSchemaDetailsFromClientErrors: true,
    // The process ends its own way: see main.ts.
    stopOnTerminationSignals: false,
    logger: log,
    formatError: (formatted, error) => toPublicError(formatted, error, { log, metrics }),
    plugins: [
      ApolloServerPluginLandingPageDisabled(),
      // It would wrap every field, for what the plugin for freshness says once.
      ApolloServerPluginCacheControlDisabled(),
      // The texts of errors would go around the formatting.
      allowsTraces
        ? ApolloServerPluginInlineTrace({ includeErrors: { masked: true } })
        : ApolloServerPluginInlineTraceDisabled(),
      createOperationPlugin(options),
      createErrorRules({ errors: limits.errors, onRefused: metrics.onRefused }),
      createFreshnessPlugin({ isPublic }),
      createCountingPlugin(metrics),
    ],
  });
}

type Gateway = NonNullable<ApolloServerOptions<RequestContext>["gateway"]>;

/** The one way to give Apollo Server an executor of one's own. */
function toGateway({ schema, execute }: ApolloOptions): Gateway {
  return {
    onSchemaLoadOrUpdate(tell) {
      tell({ apiSchema: schema.schema, coreSupergraphSdl: schema.sdl });
      return () => {};
    },
    load: async () => ({
      executor: ({ document, request, context, metrics }) =>
        context["executed"] ??
        execute({
          document,
          operationName: request.operationName,
          variables: request.variables ?? {},
          context,
          isTraced: metrics.captureTraces === true,
        }),
    }),
    stop: async () => {},
  };
}

/** Errors of the table pass; anything unforeseen is told to the log alone. */
export function toPublicError(
  formatted: GraphQLFormattedError,
  error: unknown,
  { log, metrics }: Pick<ApolloOptions, "log" | "metrics">,
): GraphQLFormattedError {
  const original = unwrapResolverError(error);
  if (original instanceof Refusal) metrics.onRefused(original.reason);
  if (original instanceof GraphQLError) {
    return { ...formatted, message: toPublicMessage(withoutQuotedValues(formatted.message)) };
  }
  log.error({ err: original, path: formatted.path }, "an operation failed unexpectedly");
  return {
    ...formatted,
    message: "Internal server error.",
    extensions: { code: "INTERNAL_SERVER_ERROR" },
  };
}

function createOperationPlugin({
  checkCost,
  onValidDocument,
}: ApolloOptions): ApolloServerPlugin<RequestContext> {
  return {
    async requestDidStart() {
      return {
        async didResolveOperation({ operation, document, source, request }) {
          onValidDocument(document, source);
          if (operation !== undefined) checkCost(operation, document, request.variables ?? {});
        },
      };
    },
  };
}

function createCountingPlugin({ onAnswer }: Metrics): ApolloServerPlugin<RequestContext> {
  return {
    async requestDidStart() {
      return {
        async willSendResponse({ contextValue: { arrivedAtMs, isRehearsal }, errors = [] }) {
          if (isRehearsal) return;
          onAnswer(performance.now() - arrivedAtMs, errors.length > 0);
        },
      };
    },
  };
}
