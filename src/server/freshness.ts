// Tells caches in front of the subgraph, once for an operation, how long they may keep its answer and how to drop it.
import type { ApolloServerPlugin } from "@apollo/server";
import type { RequestContext } from "../context.ts";

export interface FreshnessOptions {
  /** Whether anybody may be given what somebody else asked for. */
  readonly isPublic: boolean;
}

/** What caches are told of an answer. */
export interface CachePolicy {
  /** The header `cache-control`. */
  readonly cacheControl: string;
  /** Members of the answer's `extensions`. */
  readonly extensions: Readonly<Record<string, unknown>> | undefined;
}

/**
 * `max-age` is what is left of the freshness of the part that is the oldest. Not kept at all is what has an error, holds
 * something stale, hands out a secret, or tells of nothing that has a freshness.
 */
export function toCachePolicy(
  { freshness, secrets, cacheTags }: RequestContext,
  { isPublic, hasErrors }: FreshnessOptions & { readonly hasErrors: boolean },
): CachePolicy {
  const seconds = Math.floor(freshness.remainingMs / 1000);
  if (seconds <= 0 || hasErrors || secrets.areAskedFor) {
    return { cacheControl: "no-store", extensions: undefined };
  }
  const scope = isPublic ? "public" : "private";
  return {
    cacheControl: `max-age=${seconds}, ${scope}`,
    extensions: cacheTags.toExtensions(),
  };
}

export function createFreshnessPlugin(
  options: FreshnessOptions,
): ApolloServerPlugin<RequestContext> {
  return {
    async requestDidStart() {
      return {
        async willSendResponse({ contextValue, errors = [], response: { http, body } }) {
          const hasErrors = errors.length > 0;
          const { cacheControl, extensions } = toCachePolicy(contextValue, {
            ...options,
            hasErrors,
          });
          http.headers.set("cache-control", cacheControl);
          if (extensions === undefined || body.kind !== "single") return;
          body.singleResult.extensions = { ...body.singleResult.extensions, ...extensions };
        },
      };
    },
  };
}
