// Tells caches in front of the subgraph, once for an operation, how long they may keep its answer and how to drop it.
import type { ApolloServerPlugin } from "@apollo/server";
import type { RequestContext } from "../context.ts";

export interface FreshnessOptions {
  /** Whether anybody may be given what somebody else asked for. */
  readonly isPublic: boolean;
}

/**
 * `max-age` is what is left of the freshness of the part that is the oldest. Not kept at all is what has an error, holds
 * something stale, hands out a secret, or tells of nothing that has a freshness.
 */
export function createFreshnessPlugin({
  isPublic,
}: FreshnessOptions): ApolloServerPlugin<RequestContext> {
  const scope = isPublic ? "public" : "private";
  return {
    async requestDidStart() {
      return {
        async willSendResponse({ contextValue, errors, response }) {
          const { freshness, secrets, cacheTags } = contextValue;
          const seconds = Math.floor(freshness.remainingMs / 1000);
          const isKept = seconds > 0 && !errors?.length && !secrets.areAskedFor;
          const policy = isKept ? `max-age=${seconds}, ${scope}` : "no-store";
          response.http.headers.set("cache-control", policy);
          const tags = isKept ? cacheTags.toExtensions() : undefined;
          if (tags === undefined || response.body.kind !== "single") return;
          const { singleResult } = response.body;
          singleResult.extensions = { ...singleResult.extensions, ...tags };
        },
      };
    },
  };
}
