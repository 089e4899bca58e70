// The closed table of error codes that clients may see, and the errors that carry them.
import { GraphQLError, type GraphQLErrorExtensions } from "graphql";

/** What a code means: for clients (`docs/errors.md` is checked against this table) and for `retryAfterMs`. */
export interface ErrorCodeMeaning {
  readonly when: string;
  /** Keys of `extensions` that this code carries beside `code`. */
  readonly extensions: readonly string[];
}

const PROVIDER_EXTENSIONS = ["provider", "connection", "providerCode", "requestId"] as const;

/** Every `extensions.code` of our own. Apollo Server adds its codes for requests that are not GraphQL. */
export const ERROR_CODES = {
  BAD_USER_INPUT: {
    when: "an id or argument is malformed, or the cloud says that a parameter is wrong",
    extensions: [],
  },
  UNAUTHENTICATED: { when: "there is no valid caller", extensions: [] },
  FORBIDDEN: { when: "the caller lacks a scope", extensions: ["requiredScopes"] },
  PROVIDER_THROTTLED: {
    when: "the quota cannot serve it before the deadline, or the cloud keeps refusing",
    extensions: [...PROVIDER_EXTENSIONS, "retryAfterMs"],
  },
  PROVIDER_TIMEOUT: {
    when: "the cloud did not answer in time",
    extensions: [...PROVIDER_EXTENSIONS, "retryAfterMs"],
  },
  PROVIDER_UNAVAILABLE: {
    when: "the network failed, the cloud answered with a server error, or its answer could not be read",
    extensions: [...PROVIDER_EXTENSIONS, "retryAfterMs"],
  },
  PROVIDER_DENIED: {
    when: "the configured credentials are refused: wrong, expired, without permission, or signed with a skewed clock",
    extensions: PROVIDER_EXTENSIONS,
  },
  SECRETS_DISABLED: {
    when: "a sealed field is asked for while `secrets.mode` is off",
    extensions: [],
  },
  AUDIT_UNAVAILABLE: {
    when: "a secret could not be handed out, because the audit record of it could not be written",
    extensions: [],
  },
  TOO_MANY_ENTITIES: {
    when: "more representations or ids than `answer.maxEntities`",
    extensions: ["limit"],
  },
} as const satisfies Record<string, ErrorCodeMeaning>;

export type ErrorCode = keyof typeof ERROR_CODES;

export type ProviderErrorCode = Extract<ErrorCode, `PROVIDER_${string}`>;

/** An error of the table whose cause is the caller or the configuration, not a cloud. */
export class RequestError extends GraphQLError {
  constructor(
    code: Exclude<ErrorCode, ProviderErrorCode>,
    message: string,
    extensions: GraphQLErrorExtensions = {},
  ) {
    super(message, { extensions: { ...extensions, code } });
    this.name = "RequestError";
  }
}

/** Where a cloud call went: the product prefix of the id, and the configured connection. */
export interface CallOrigin {
  readonly provider: string;
  readonly connection: string;
}

export type DeniedScope = "connection" | "action" | "certificate";

export interface ProviderErrorOptions {
  readonly origin: CallOrigin;
  /** For people who read the answer; never the vendor's text. */
  readonly message: string;
  /** The vendor's own error code, where the cloud gave one. */
  readonly providerCode?: string | undefined;
  /** The vendor's id of the failed request, where the cloud gave one. */
  readonly requestId?: string | undefined;
  /** When asking again may work, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  /** Whether the same call may succeed when it is made again at once; a column of the vendor's error table. */
  readonly isRetryable?: boolean;
  /** For how long the cloud asked not to be called at all, in milliseconds. */
  readonly pauseMs?: number | undefined;
  /** Whether it is about this one certificate, while the cloud is well. Default false. */
  readonly isOfOneCertificate?: boolean;
  /** What a `PROVIDER_DENIED` is about: the key, or the time, of the connection; one action; or this one certificate. */
  readonly denies?: DeniedScope | undefined;
  /** For the log only. Must not hold the cloud's answer: that may hold secrets. */
  readonly cause?: unknown;
}

/** A cloud call that failed. Complete from its constructor on, so that nothing translates it on the way up. */
export class ProviderError extends GraphQLError {
  readonly code: ProviderErrorCode;
  readonly isRetryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly pauseMs: number | undefined;
  readonly isOfOneCertificate: boolean;
  readonly denies: DeniedScope | undefined;
  readonly #options: ProviderErrorOptions;

  constructor(code: ProviderErrorCode, options: ProviderErrorOptions) {
    const { origin, message, providerCode, requestId, retryAfterMs, isRetryable = false } = options;
    // There may be thousands at once, each for one item of a list: their stacks, which tell nothing, would cost more
    // than the rest of the answer.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, {
      extensions: {
        code,
        provider: origin.provider,
        connection: origin.connection,
        ...(providerCode !== undefined && { providerCode }),
        ...(requestId !== undefined && { requestId }),
        ...(retryAfterMs !== undefined && { retryAfterMs: Math.max(0, Math.round(retryAfterMs)) }),
      },
    });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = "ProviderError";
    this.code = code;
    this.#options = options;
    this.isRetryable = isRetryable;
    this.retryAfterMs = retryAfterMs;
    this.pauseMs = options.pauseMs;
    this.isOfOneCertificate = options.isOfOneCertificate ?? false;
    this.denies = options.denies;
    if (options.cause !== undefined) this.cause = options.cause;
  }

  /** The same failure, for somebody who should ask again after another time. */
  withRetryAfterMs(retryAfterMs: number): ProviderError {
    return new ProviderError(this.code, { ...this.#options, retryAfterMs });
  }
}

/** What cannot happen: the compiler refuses the call while a case is left. */
export class UnreachableCaseError extends Error {
  constructor(value: never) {
    super(`Unreachable case: ${String(value)}`);
  }
}
