// Requests that are refused before anything is asked of a cloud: why, with which HTTP status, and under which code.
import { GraphQLError } from "graphql";

interface RefusalKind {
  readonly status: number;
  /** `extensions.code` of the error. */
  readonly code: string;
  readonly when: string;
}

const tooMuch = (when: string) =>
  ({ status: 400, code: "GRAPHQL_VALIDATION_FAILED", when }) as const satisfies RefusalKind;

/** Every reason that `device_certificates_refused_total` counts; docs/operating.md is checked against this table. */
export const REFUSALS = {
  path: { status: 404, code: "NOT_FOUND", when: "the path is not `/graphql`" },
  method: { status: 405, code: "METHOD_NOT_ALLOWED", when: "the method is neither GET nor POST" },
  url: { status: 414, code: "URI_TOO_LONG", when: "longer than `limits.urlBytes`" },
  headers: {
    status: 431,
    code: "HEADERS_TOO_LARGE",
    when: "more than `limits.headers`, or longer than `limits.headerBytes`",
  },
  media: {
    status: 415,
    code: "UNSUPPORTED_MEDIA_TYPE",
    when: "the body is not JSON in UTF-8, or compressed",
  },
  body: { status: 413, code: "PAYLOAD_TOO_LARGE", when: "longer than `limits.bodyBytes`" },
  slow: {
    status: 408,
    code: "REQUEST_TIMEOUT",
    when: "it did not arrive within `limits.receiveSeconds`",
  },
  malformed: {
    status: 400,
    code: "BAD_REQUEST",
    when: "it is not HTTP, not JSON, no GraphQL request, or one that a browser could send across sites",
  },
  expectation: {
    status: 417,
    code: "EXPECTATION_FAILED",
    when: "the header `Expect` is not `100-continue`",
  },
  caller: { status: 401, code: "UNAUTHENTICATED", when: "there is no valid caller" },
  overload: {
    status: 503,
    code: "OVERLOADED",
    when: "more than `limits.concurrentRequests`, or than the processor can do within `limits.waitMs`",
  },
  bodies: {
    status: 503,
    code: "OVERLOADED",
    when: "all bodies that are being received together take more than `limits.receivingBytes`",
  },
  variables: {
    status: 400,
    code: "BAD_USER_INPUT",
    when: "more than `limits.variableDepth` or `limits.variableValues`",
  },
  invalid: {
    status: 400,
    code: "GRAPHQL_VALIDATION_FAILED",
    when: "the document cannot be parsed, or is not valid for the schema",
  },
  tokens: tooMuch("more than `limits.tokens`, or longer than `limits.queryCharacters`"),
  depth: tooMuch("deeper than `limits.depth`"),
  definitions: tooMuch("more than `limits.definitions`"),
  aliases: tooMuch("more than `limits.aliases`"),
  directives: tooMuch("more than `limits.directives`"),
  repetition: tooMuch("a field more often than `limits.repeatedFields`"),
  selections: tooMuch("more than `limits.selections`"),
  introspection: tooMuch("the schema is asked for where `schema.introspection` does not allow it"),
  cost: { status: 400, code: "BAD_USER_INPUT", when: "more than `limits.cost`" },
  errors: { status: 400, code: "BAD_USER_INPUT", when: "more than `limits.errors`" },
} as const satisfies Readonly<Record<string, RefusalKind>>;

export type RefusalReason = keyof typeof REFUSALS;

export const OVERLOAD_MESSAGE = "There is too much to do just now; ask again a little later.";
/** With every 503. */
export const RETRY_AFTER_SECONDS = 1;
/** The type of all answers that GraphQL has no part in. */
export const JSON_TYPE = "application/json; charset=utf-8";

/** Told to the client as it is; its HTTP status is the table's. */
export class Refusal extends GraphQLError {
  readonly reason: RefusalReason;
  readonly limit: number | undefined;

  /** `limit` is how much would have been taken. */
  constructor(reason: RefusalReason, message: string, limit?: number) {
    const { status, code } = REFUSALS[reason];
    // Apollo Server takes the status from `http`, and leaves it out of the answer.
    const http = { status };
    super(message, { extensions: { code, ...(limit !== undefined && { limit }), http } });
    this.name = "Refusal";
    this.reason = reason;
    this.limit = limit;
  }
}

/** The body of an answer that GraphQL has no part in. */
export function toRefusalBody(code: string, message: string, limit?: number): string {
  const extensions = { code, ...(limit !== undefined && { limit }) };
  return `${JSON.stringify({ errors: [{ message, extensions }] })}\n`;
}
