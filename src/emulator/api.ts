// The four emulated APIs: what each is called, which actions it has, and what its gateway is asked and answers.

export const API_NAMES = ["tencent-mqtt", "tencent-ssl", "aliyun-iot", "aliyun-mqtt"] as const;

/** One emulated API; the same words as the product prefixes of certificate ids. */
export type ApiName = (typeof API_NAMES)[number];

export type JsonObject = Readonly<Record<string, unknown>>;

/** A request as it reaches the cloud. */
export interface CloudRequest {
  readonly method: string;
  readonly path: string;
  /** Without the question mark, still encoded. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly sourceAddress: string;
  /** On the clock of the quotas. */
  readonly arrivedAtMs: number;
}

export interface CloudAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
  /** The vendor's error code, or `null` for a success. */
  readonly code: string | null;
  /** Whether a quota refused the call. */
  readonly isThrottled: boolean;
}

/** The reasons to refuse that a fault can ask for; each cloud has its own code and envelope for them. */
export type RefusalReason = "throttle" | "denied" | "expiredToken" | "unknownKey" | "serverError";

/** The front door of one API: signature, quota, action, envelope. */
export interface Gateway {
  /** The action that the request names, if any; for the call log. */
  readAction(request: CloudRequest): string;
  answer(request: CloudRequest): CloudAnswer;
  /** The answer to a call that is refused without being looked at. */
  refuse(reason: RefusalReason, retryAfterMs?: number): CloudAnswer;
}

/** What the cloud answers in place of a result. */
export class CloudRefusal extends Error {
  readonly code: string;
  /** HTTP status, for the clouds that tell errors by it. */
  readonly status: number;
  readonly isThrottled: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: string,
    message: string,
    options: {
      readonly status?: number;
      readonly isThrottled?: boolean;
      readonly retryAfterMs?: number | undefined;
    } = {},
  ) {
    super(message);
    this.code = code;
    this.status = options.status ?? 400;
    this.isThrottled = options.isThrottled ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}
