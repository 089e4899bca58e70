// What clients are told of errors: how much of it, and with which HTTP status.
import type { ApolloServerPlugin } from "@apollo/server";
import type { Metrics } from "./metrics.ts";
import { REFUSALS, Refusal } from "./refusal.ts";

export interface ErrorRules {
  /** Most errors in one answer. */
  readonly errors: number;
  readonly onRefused: Metrics["onRefused"];
}

const MAX_MESSAGE_CHARACTERS = 300;

/** Without hints at names that the caller did not write, and without repeating much of what it did write. */
export function toPublicMessage(message: string): string {
  const plain = message.replace(/ ?Did you mean .*$/s, "");
  if (plain.length <= MAX_MESSAGE_CHARACTERS) return plain;
  return `${plain.slice(0, MAX_MESSAGE_CHARACTERS).toWellFormed()}…`;
}

const NO_GRAPHQL: ReadonlySet<unknown> = new Set([
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "BAD_USER_INPUT",
]);

/** Counts refusals that Apollo Server decides on, and decides on the status of some answers. */
export function createErrorRules({ errors: limit, onRefused }: ErrorRules): ApolloServerPlugin {
  return {
    async invalidRequestWasReceived() {
      onRefused("malformed");
    },
    async requestDidStart() {
      return {
        async didEncounterErrors({ errors, operation }) {
          if (operation === undefined && !errors.some(isRefusal)) onRefused("invalid");
        },
        async willSendResponse({ request, response, errors = [] }) {
          const { http, body } = response;
          if (errors.length > limit && body.kind === "single") {
            onRefused("errors");
            const { status, code } = REFUSALS.errors;
            const message = `The answer has more than ${limit} errors; ask for less at once.`;
            http.status = status;
            body.singleResult = { errors: [{ message, extensions: { code, limit } }] };
          } else if (
            http.status === 400 &&
            isOldClient(request.http?.headers.get("accept")) &&
            errors.every((error) => NO_GRAPHQL.has(error.extensions["code"]) && !isRefusal(error))
          ) {
            http.status = 200;
          }
        },
      };
    },
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof Refusal;
}

/**
 * Whether a client takes `application/json` and does not know `application/graphql-response+json`. GraphQL over HTTP
 * wants 200 for it whenever the answer is one of GraphQL, because such clients look into the body at 200 alone.
 */
function isOldClient(accept = ""): boolean {
  const types = accept.split(",").map((entry) => entry.split(";")[0]?.trim().toLowerCase());
  return types.includes("application/json") && !types.includes("application/graphql-response+json");
}
