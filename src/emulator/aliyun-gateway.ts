// The front door of Alibaba Cloud's RPC APIs: ACS3 signatures, nonces, flow control, errors with HTTP status.
// https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature
import { createHash, randomUUID } from "node:crypto";
import { toAcs3Signature } from "../providers/aliyun/signature.ts";
import {
  type CloudAnswer,
  CloudRefusal,
  type CloudRequest,
  type Gateway,
  type JsonObject,
  type RefusalReason,
} from "./api.ts";
import {
  type EmulatedCredential,
  type EmulatedCredentials,
  findCredential,
} from "./credentials.ts";
import type { Quotas } from "./quota-window.ts";

export type AliyunParameters = Readonly<Record<string, string>>;

/** What an action answers with HTTP 200; `code` tells the log of errors that hide in a success. */
export interface AliyunResult {
  readonly fields: JsonObject;
  readonly code: string | null;
}

export interface AliyunAction {
  readonly methods: readonly string[];
  /** Names that the gateway itself insists on. */
  readonly requiredParameters: readonly string[];
  /** Carries it out, or throws a `CloudRefusal`. */
  readonly run: (parameters: AliyunParameters) => AliyunResult;
}

export interface AliyunGatewayOptions {
  /** As the vendor's error pages call it: `Iot`. */
  readonly product: string;
  readonly version: string;
  readonly actions: Readonly<Record<string, AliyunAction>>;
  /** Whether too many calls from one source address get it blocked. */
  readonly isSourceLimited: boolean;
  readonly credentials: EmulatedCredentials;
  readonly quotas: Quotas;
  /** The cloud's wall clock. */
  readonly now: () => number;
}

const CLOCK_TOLERANCE_MS = 15 * 60_000;
const AUTHORIZATION =
  /^ACS3-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const MUST_BE_SIGNED = [
  "host",
  "x-acs-action",
  "x-acs-content-sha256",
  "x-acs-date",
  "x-acs-signature-nonce",
  "x-acs-version",
] as const;
/** Milliseconds, as the official SDKs read the header. */
const THROTTLE_RETRY_AFTER_MS = 1000;

const REFUSALS: Readonly<Record<RefusalReason, { code: string; message: string; status: number }>> =
  {
    throttle: {
      code: "Throttling.User",
      message: "Request was denied due to user flow control.",
      status: 400,
    },
    denied: {
      code: "Forbidden.RAM",
      message:
        "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
      status: 403,
    },
    expiredToken: {
      code: "InvalidSecurityToken.Expired",
      message: "Specified SecurityToken is expired.",
      status: 400,
    },
    unknownKey: {
      code: "InvalidAccessKeyId.NotFound",
      message: "Specified access key is not found.",
      status: 404,
    },
    serverError: {
      code: "InternalError",
      message: "The request processing has failed due to some unknown error.",
      status: 500,
    },
  };

export function createAliyunGateway(options: AliyunGatewayOptions): Gateway {
  const { product, version, actions, isSourceLimited, credentials, quotas, now } = options;
  const nonces = createNonceMemory();

  const perform = (request: CloudRequest): AliyunResult => {
    if (isSourceLimited && !quotas.admitSource(request.sourceAddress, request.arrivedAtMs)) {
      // A blocked address is not told when it is let in again.
      throw new CloudRefusal("Throttling", "Request was denied due to request throttling.", {
        isThrottled: true,
      });
    }
    const query = toQuery(request.query);
    const actionName = requireHeader(request, "x-acs-action", "Action");
    const credential = verifyAcs3(request, query, credentials, now());
    if (!nonces.remember(request.headers["x-acs-signature-nonce"] ?? "", now())) {
      throw new CloudRefusal("SignatureNonceUsed", "Specified signature nonce was used already.");
    }
    if (requireHeader(request, "x-acs-version", "Version") !== version) {
      throw new CloudRefusal("InvalidVersion", "Specified parameter Version is not valid.");
    }
    const action = Object.hasOwn(actions, actionName) ? actions[actionName] : undefined;
    if (action === undefined) {
      throw new CloudRefusal(
        "InvalidAction.NotFound",
        "Specified api is not found, please check your url and method.",
        { status: 404 },
      );
    }
    if (!action.methods.includes(request.method)) {
      throw new CloudRefusal("UnsupportedHTTPMethod", "The HTTP method is not supported.");
    }
    if (!quotas.admit(actionName, credential.accountId, request.arrivedAtMs)) {
      throw toRefusal("throttle");
    }
    for (const name of action.requiredParameters) {
      if (query[name] === undefined) {
        throw new CloudRefusal(`Missing${name}`, `${name} is mandatory for this action.`);
      }
    }
    return action.run(query);
  };

  const toErrorAnswer = (refusal: CloudRefusal, host: string): CloudAnswer => {
    const requestId = randomUUID().toUpperCase();
    return {
      status: refusal.status,
      headers: {
        "content-type": "application/json;charset=utf-8",
        "x-acs-request-id": requestId,
        ...(refusal.retryAfterMs !== undefined && {
          "x-acs-retry-after": String(refusal.retryAfterMs),
        }),
      },
      body: {
        RequestId: requestId,
        HostId: host,
        Code: refusal.code,
        Message: refusal.message,
        Recommend: `https://api.aliyun.com/troubleshoot?q=${refusal.code}&product=${product}&requestId=${requestId}`,
        ...(refusal.status === 403 && {
          AccessDeniedDetail: { PolicyType: "AccountLevelIdentityBasedPolicy" },
        }),
      },
      code: refusal.code,
      isThrottled: refusal.isThrottled,
    };
  };

  return {
    readAction: (request) => request.headers["x-acs-action"] ?? "",
    answer: (request) => {
      try {
        return toSuccessAnswer(perform(request));
      } catch (error) {
        if (error instanceof CloudRefusal) {
          return toErrorAnswer(error, request.headers["host"] ?? "");
        }
        throw error;
      }
    },
    refuse: (reason, retryAfterMs) => toErrorAnswer(toRefusal(reason, retryAfterMs), ""),
  };
}

function verifyAcs3(
  request: CloudRequest,
  query: Readonly<Record<string, string>>,
  credentials: EmulatedCredentials,
  nowMs: number,
): EmulatedCredential {
  const [, accessKeyId, signedHeaders, signature] =
    AUTHORIZATION.exec(request.headers["authorization"] ?? "") ?? [];
  if (accessKeyId === undefined || signedHeaders === undefined) {
    throw new CloudRefusal(
      "IncompleteSignature",
      "The request signature does not conform to Aliyun standards.",
    );
  }
  const date = requireHeader(request, "x-acs-date", "Timestamp");
  requireHeader(request, "x-acs-signature-nonce", "SignatureNonce");
  if (!TIMESTAMP.test(date)) {
    throw new CloudRefusal(
      "InvalidTimeStamp.Format",
      "Specified time stamp or date value is not well formatted.",
    );
  }
  if (!(Math.abs(Date.parse(date) - nowMs) <= CLOCK_TOLERANCE_MS)) {
    throw new CloudRefusal(
      "InvalidTimeStamp.Expired",
      "Specified time stamp or date value is expired.",
    );
  }
  const credential = findCredential(credentials, accessKeyId);
  if (credential === undefined) {
    throw new CloudRefusal("InvalidAccessKeyId.NotFound", "Specified access key is not found.", {
      status: 404,
    });
  }
  const names = signedHeaders.split(";");
  const bodySha256 = createHash("sha256").update(request.body, "utf8").digest("hex");
  const isRight =
    toNamesThatMustBeSigned(request).every((name) => names.includes(name)) &&
    request.headers["x-acs-content-sha256"] === bodySha256 &&
    signature ===
      toAcs3Signature({
        accessKeySecret: credential.accessKeySecret,
        method: request.method,
        path: request.path,
        query,
        headers: names.map((name) => [name, (request.headers[name] ?? "").trim()]),
        bodySha256,
      });
  if (!isRight) {
    throw new CloudRefusal(
      "SignatureDoesNotMatch",
      "Specified signature is not matched with our calculation.",
    );
  }
  verifyToken(request, credential);
  return credential;
}

/** What carries meaning has to be signed: the host, the content type, and every header of the vendor's. */
function toNamesThatMustBeSigned({ headers }: CloudRequest): string[] {
  const sent = Object.keys(headers).filter(
    (name) => name.startsWith("x-acs-") || name === "content-type",
  );
  return [...MUST_BE_SIGNED, ...sent];
}

function verifyToken(request: CloudRequest, credential: EmulatedCredential): void {
  const token = request.headers["x-acs-security-token"];
  if (credential.isExpired) throw toRefusal("expiredToken");
  if (credential.securityToken !== undefined && token === undefined) {
    throw new CloudRefusal("MissingSecurityToken", "SecurityToken is mandatory for this action.");
  }
  if (token !== credential.securityToken) {
    throw new CloudRefusal(
      "InvalidSecurityToken.MismatchWithAccessKey",
      "Specified SecurityToken is not matched with the access key.",
    );
  }
}

/** Remembers nonces for as long as a request with their date would still be taken. */
function createNonceMemory() {
  const seenAtMs = new Map<string, number>();
  return {
    /** Whether the nonce is new. */
    remember: (nonce: string, nowMs: number): boolean => {
      for (const [old, atMs] of seenAtMs) {
        if (nowMs - atMs <= 2 * CLOCK_TOLERANCE_MS) break;
        seenAtMs.delete(old);
      }
      if (seenAtMs.has(nonce)) return false;
      seenAtMs.set(nonce, nowMs);
      return true;
    },
  };
}

/** The query as it means: clients encode it differently from how they sign it. */
function toQuery(query: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(query));
}

function requireHeader(request: CloudRequest, header: string, parameter: string): string {
  const value = request.headers[header];
  if (value !== undefined && value !== "") return value;
  throw new CloudRefusal(`Missing${parameter}`, `${parameter} is mandatory for this action.`);
}

function toRefusal(
  reason: RefusalReason,
  retryAfterMs: number = THROTTLE_RETRY_AFTER_MS,
): CloudRefusal {
  const { code, message, status } = REFUSALS[reason];
  const isThrottled = reason === "throttle";
  return new CloudRefusal(code, message, {
    status,
    isThrottled,
    ...(isThrottled && { retryAfterMs }),
  });
}

function toSuccessAnswer({ fields, code }: AliyunResult): CloudAnswer {
  const requestId = randomUUID().toUpperCase();
  return {
    status: 200,
    headers: { "content-type": "application/json;charset=utf-8", "x-acs-request-id": requestId },
    body: { RequestId: requestId, ...fields },
    code,
    isThrottled: false,
  };
}
