// The GraphQL engine: what Apollo Server may do, what it may tell, and what is counted.
import { ApolloServer, type ApolloServerOptions, type ApolloServerPlugin } from "@apollo/server";
import { unwrapResolverError } from "@apollo/server/errors";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import { ApolloServerPluginInlineTrace } from "@apollo/server/plugin/inlineTrace";
import { GraphQLError, type GraphQLFormattedError } from "graphql";
import type { RequestContext } from "../context.ts";
import { toAnswerJson } from "../execution/answer-text.ts";
import { createExecute } from "../execution/execute.ts";
import type { Log } from "../log.ts";
import type { SubgraphSchema } from "../schema.ts";
import { createCostLimit } from "./cost-limit.ts";
import { createErrorRules, toPublicMessage } from "./error-rules.ts";
import { createFreshnessPlugin } from "./freshness.ts";
import type { Metrics } from "./metrics.ts";
import { refuseUnknownOperationTypes } from "./operation-types.ts";
import { withoutQuotedValues } from "./quoted-values.ts";
import { Refusal } from "./refusal.ts";

export interface ApolloOptions {
  readonly schema: SubgraphSchema;
  readonly limits: {
    readonly tokens: number;
    readonly cost: number;
    readonly errors: number;
    readonly maxEntities: number;
  };
  /** Whether anybody may be given what somebody else asked for. */
  readonly isPublic: boolean;
  /** Whether callers may be told which field took how long. */
  readonly allowsTraces: boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** A mistaken document is told a few mistakes; finding the place of each takes time. */
const MAX_VALIDATION_ERRORS = 20;

export function createApollo({
  schema,
  limits,
  isPublic,
  allowsTraces,
  log,
  metrics,
}: ApolloOptions): ApolloServer<RequestContext> {
  return new ApolloServer<RequestContext>({
    gateway: toGateway(schema),
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
      createCostLimit(limits),
      createErrorRules({ errors: limits.errors, onRefused: metrics.onRefused }),
      createFreshnessPlugin({ isPublic }),
      createCountingPlugin(metrics),
    ],
  });
}

type Gateway = NonNullable<ApolloServerOptions<RequestContext>["gateway"]>;

/** The one way to give Apollo Server an executor of one's own. */
function toGateway({ schema, untraced, sdl }: SubgraphSchema): Gateway {
  const execute = createExecute({ schema, untraced, maxErrors: MAX_VALIDATION_ERRORS });
  return {
    onSchemaLoadOrUpdate(tell) {
      tell({ apiSchema: schema, coreSupergraphSdl: sdl });
      return () => {};
    },
    load: async () => ({
      executor: ({ document, request, context, metrics }) =>
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
function toPublicError(
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

function createCountingPlugin({ onAnswer }: Metrics): ApolloServerPlugin<RequestContext> {
  return {
    async requestDidStart() {
      const startedAt = performance.now();
      return {
        async willSendResponse({ errors }) {
          onAnswer(performance.now() - startedAt, (errors ?? []).length > 0);
        },
      };
    },
  };
}
