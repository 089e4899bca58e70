// The GraphQL engine: what Apollo Server may do, what it may tell, and what is counted.
import { ApolloServer, type ApolloServerPlugin } from "@apollo/server";
import { unwrapResolverError } from "@apollo/server/errors";
import {
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import { GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from "graphql";
import type { RequestContext } from "../context.ts";
import type { Log } from "../log.ts";
import { createCostLimit } from "./cost-limit.ts";
import { createDocumentLimits, type DocumentRules } from "./document-limits.ts";
import { createErrorRules, toPublicMessage } from "./error-rules.ts";
import type { Metrics } from "./metrics.ts";
import { withoutQuotedValues } from "./quoted-values.ts";
import { Refusal } from "./refusal.ts";

export interface ApolloOptions {
  readonly schema: GraphQLSchema;
  readonly limits: DocumentRules["limits"] & {
    readonly cost: number;
    readonly errors: number;
    readonly maxEntities: number;
  };
  readonly allowsIntrospection: boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** A mistaken document is told a few mistakes; finding the place of each takes time. */
const MAX_VALIDATION_ERRORS = 20;

export function createApollo({
  schema,
  limits,
  allowsIntrospection,
  log,
  metrics,
}: ApolloOptions): ApolloServer<RequestContext> {
  return new ApolloServer<RequestContext>({
    schema,
    // Whether it is allowed is one of the document's rules below.
    introspection: true,
    parseOptions: { maxTokens: limits.tokens },
    validationOptions: { maxErrors: MAX_VALIDATION_ERRORS, hideSuggestions: true },
    executionOptions: { maxCoercionErrors: MAX_VALIDATION_ERRORS },
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    hideSchemaDetailsFromClientErrors: true,
    // The process ends its own way: see main.ts.
    stopOnTerminationSignals: false,
    logger: log,
    formatError: (formatted, error) => toPublicError(formatted, error, { log, metrics }),
    plugins: [
      ApolloServerPluginLandingPageDisabled(),
      // Traces would carry error texts around the formatting.
      ApolloServerPluginInlineTraceDisabled(),
      createDocumentLimits({ limits, allowsIntrospection }),
      createCostLimit(limits),
      createErrorRules({ errors: limits.errors, onRefused: metrics.onRefused }),
      createCountingPlugin(metrics),
    ],
  });
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
