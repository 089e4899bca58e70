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
import type { Metrics } from "./metrics.ts";
import { withoutQuotedValues } from "./quoted-values.ts";

export interface ApolloOptions {
  readonly schema: GraphQLSchema;
  readonly log: Log;
  readonly metrics: Metrics;
}

export function createApollo({
  schema,
  log,
  metrics,
}: ApolloOptions): ApolloServer<RequestContext> {
  return new ApolloServer<RequestContext>({
    schema,
    introspection: true,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    hideSchemaDetailsFromClientErrors: true,
    // The process ends its own way: see main.ts.
    stopOnTerminationSignals: false,
    logger: log,
    formatError: (formatted, error) => toPublicError(formatted, error, log),
    plugins: [
      ApolloServerPluginLandingPageDisabled(),
      // Traces would carry error texts around the formatting.
      ApolloServerPluginInlineTraceDisabled(),
      createCountingPlugin(metrics),
    ],
  });
}

/** Errors of the table pass; anything unforeseen is told to the log alone. */
function toPublicError(
  formatted: GraphQLFormattedError,
  error: unknown,
  log: Log,
): GraphQLFormattedError {
  const original = unwrapResolverError(error);
  if (original instanceof GraphQLError) {
    return { ...formatted, message: withoutQuotedValues(formatted.message) };
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
