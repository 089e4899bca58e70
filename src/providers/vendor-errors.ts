// What a cloud's refusals become: the tables of vendor codes are read here, and nowhere else decides.
import {
  type CallOrigin,
  type DeniedScope,
  ProviderError,
  type ProviderErrorCode,
  RequestError,
  UnreachableCaseError,
} from "../errors.ts";
import type { Log } from "../log.ts";
import type { Credential } from "./credentials.ts";
import { TransportError } from "./transport.ts";

/** What one error code of a vendor means for us. */
export interface VendorErrorRule {
  /** The code itself, or a prefix when it ends with `*`. A `*` before the end stands for any text. */
  readonly code: string;
  readonly meaning: "NOT_FOUND" | "BAD_USER_INPUT" | ProviderErrorCode;
  /** Whether the same call may succeed when it is made again. */
  readonly isRetried: boolean;
  /**
   * What `PROVIDER_DENIED` is about, by default `action`: the `key`, so that a refreshing source should load another
   * one; the time in the request (`clock`); the permission for the `action`; or the one `certificate` asked for.
   */
  readonly denies?: "key" | "clock" | "action" | "certificate";
}

/** The cloud says that it has no such certificate. */
export class CertificateNotFoundError extends Error {
  override readonly name = "CertificateNotFoundError";
  readonly requestId: string | undefined;

  constructor({ provider, connection }: CallOrigin, requestId?: string) {
    super(`${provider} has no such certificate on the connection ${connection}`);
    this.requestId = requestId;
  }
}

/** The rule of a code: an exact one before the longest prefix, that before a pattern. */
export function findErrorRule(
  tables: readonly (readonly VendorErrorRule[])[],
  code: string,
): VendorErrorRule | undefined {
  const rules = tables.flat();
  return (
    rules.find((rule) => rule.code === code) ??
    rules
      .filter((rule) => rule.code.indexOf("*") === rule.code.length - 1)
      .filter((rule) => code.startsWith(rule.code.slice(0, -1)))
      .sort((left, right) => right.code.length - left.code.length)[0] ??
    rules.find((rule) => isPattern(rule.code) && matchesPattern(rule.code, code))
  );
}

/** One cloud call, as its errors and log lines name it. */
export interface VendorCall {
  readonly origin: CallOrigin;
  /** The vendor's name of the API action. */
  readonly action: string;
  readonly errorTables: readonly (readonly VendorErrorRule[])[];
  readonly log: Pick<Log, "debug" | "info" | "warn">;
}

/** An answer that says why the cloud did not do it. */
export interface VendorRefusal {
  readonly status: number;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  /** The vendor's text; goes to the log, redacted, and nowhere else. */
  readonly text?: string | undefined;
  /** From a header, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** What the request was signed with. */
  readonly credential: Credential;
}

export type CallError = ProviderError | RequestError | CertificateNotFoundError;

/** The window of every quota of both clouds: after it a refused call counts anew. */
const QUOTA_WINDOW_MS = 1_000;
const RETRY_SOON_MS = 100;

/** Translates a refusal by the tables, and logs it. `isRetryable` is what to say instead of the table. */
export function toCallError(
  call: VendorCall,
  refusal: VendorRefusal,
  isRetryable?: boolean,
): CallError {
  const { origin, log } = call;
  const code = toToken(refusal.code);
  const requestId = toToken(refusal.requestId);
  const known = code === undefined ? undefined : findErrorRule(call.errorTables, code);
  const rule = toRuleOfAnswer(known, refusal);
  const entry = {
    ...origin,
    action: call.action,
    status: refusal.status,
    providerCode: code,
    requestId,
    text: toRedactedText(refusal.text, refusal.credential),
  };
  if (!known) log.warn(entry, "The cloud answered with an error code that no table knows");
  else if (rule.meaning === "PROVIDER_DENIED") log.warn(entry, "The cloud refused the credentials");
  else if (rule.meaning === "NOT_FOUND") log.debug(entry, "The cloud has no such certificate");
  else log.info(entry, "The cloud refused a call");

  const named = code === undefined ? "" : ` (${code})`;
  const options = { origin, providerCode: code, requestId };
  switch (rule.meaning) {
    case "NOT_FOUND":
      return new CertificateNotFoundError(origin, requestId);
    case "BAD_USER_INPUT":
      return new RequestError(
        "BAD_USER_INPUT",
        `${origin.provider} says that a parameter is wrong${named}.`,
      );
    case "PROVIDER_DENIED":
      return new ProviderError(rule.meaning, {
        ...options,
        message: `${origin.provider} refuses the configured credentials${named}.`,
        isRetryable: isRetryable ?? rule.isRetried,
        denies: toScope(rule),
      });
    case "PROVIDER_THROTTLED":
      return new ProviderError(rule.meaning, {
        ...options,
        message: `${origin.provider} takes no more calls at the moment${named}.`,
        isRetryable: rule.isRetried,
        retryAfterMs: refusal.retryAfterMs ?? QUOTA_WINDOW_MS,
        pauseMs: refusal.retryAfterMs,
      });
    case "PROVIDER_TIMEOUT":
    case "PROVIDER_UNAVAILABLE":
      return new ProviderError(rule.meaning, {
        ...options,
        message: `${origin.provider} could not answer${named}.`,
        isRetryable: rule.isRetried,
        retryAfterMs: rule.isRetried ? RETRY_SOON_MS : undefined,
      });
    default:
      throw new UnreachableCaseError(rule.meaning);
  }
}

/** An answer that is not what the API promises: no JSON, a part of it, or another shape. */
export function toUnreadableAnswerError(
  { origin, action, log }: VendorCall,
  status: number,
): ProviderError {
  log.warn({ ...origin, action, status }, "The cloud's answer could not be read");
  return new ProviderError(status === 429 ? "PROVIDER_THROTTLED" : "PROVIDER_UNAVAILABLE", {
    origin,
    message: `${origin.provider} gave an answer that could not be read (HTTP ${status}).`,
    isRetryable: true,
    retryAfterMs: status === 429 ? QUOTA_WINDOW_MS : RETRY_SOON_MS,
  });
}

/** A request that got no answer. */
export function toUnansweredError({ origin, action, log }: VendorCall, error: unknown): Error {
  if (!(error instanceof TransportError)) return toError(error);
  const { kind, isSent, message } = error;
  if (kind === "closed") log.debug({ ...origin, action, kind }, message);
  else if (kind !== "aborted") log.warn({ ...origin, action, kind, isSent }, message);
  if (kind === "timeout" || kind === "aborted") {
    return new ProviderError("PROVIDER_TIMEOUT", {
      origin,
      message: `${origin.provider} did not answer in time.`,
      // What was sent and not answered for that long is left to the next one who asks; what was given up for another
      // call's sake is made again when the cloud is back.
      isRetryable: kind === "aborted" || !isSent,
      retryAfterMs: isSent ? QUOTA_WINDOW_MS : RETRY_SOON_MS,
      cause: error,
    });
  }
  return new ProviderError("PROVIDER_UNAVAILABLE", {
    origin,
    message: `${origin.provider} could not be reached, or broke off its answer.`,
    isRetryable: kind !== "tooLarge" && kind !== "closed",
    retryAfterMs: RETRY_SOON_MS,
    cause: error,
  });
}

/** There is nothing to sign with. */
export function toUnsignedError(
  { origin, action, log }: VendorCall,
  error: unknown,
): ProviderError {
  const cause = toError(error);
  log.warn({ ...origin, action }, cause.message);
  return new ProviderError("PROVIDER_UNAVAILABLE", {
    origin,
    message: `There are no credentials for the connection ${origin.connection} of ${origin.provider}.`,
    retryAfterMs: QUOTA_WINDOW_MS,
    cause,
  });
}

/** What the status and headers say stands above a code that no table knows. */
function toRuleOfAnswer(
  known: VendorErrorRule | undefined,
  { status, code = "", retryAfterMs }: VendorRefusal,
): VendorErrorRule {
  if (retryAfterMs !== undefined || (status === 429 && !known)) {
    return { code, meaning: "PROVIDER_THROTTLED", isRetried: true };
  }
  return known ?? { code, meaning: "PROVIDER_UNAVAILABLE", isRetried: status >= 500 };
}

function toScope({ denies = "action" }: VendorErrorRule): DeniedScope {
  return denies === "key" || denies === "clock" ? "connection" : denies;
}

function isPattern(code: string): boolean {
  const star = code.indexOf("*");
  return star >= 0 && star < code.length - 1;
}

function matchesPattern(pattern: string, code: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[^\w]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(code);
}

/** A code or request id as vendors write them. Anything else could be a piece of some other text. */
function toToken(value: string | undefined): string | undefined {
  return value !== undefined && /^[\w.:%-]{1,128}$/.test(value) ? value : undefined;
}

/** A vendor's text without key ids, secrets and tokens: "signature does not match" quotes all signed headers. */
function toRedactedText(text: string | undefined, credential: Credential): string | undefined {
  if (text === undefined) return undefined;
  const { accessKeyId, accessKeySecret, securityToken } = credential;
  const known = [accessKeyId, accessKeySecret.reveal(), securityToken?.reveal()];
  let redacted = text;
  for (const secret of known) if (secret) redacted = redacted.replaceAll(secret, "<redacted>");
  return redacted.replaceAll(/\b(?:AKID|LTAI|STS\.|TMP\.)[\w.-]{8,}/g, "<redacted>").slice(0, 500);
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error("unknown");
}
