// The front door of Tencent Cloud API 3.0: TC3 signatures, request limits, the envelope that is always HTTP 200.
// https://cloud.tencent.com/document/api/213/30654
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { toTc3Signature } from "../providers/tencent/signature.ts";
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

/** Carries out one action, or throws a `CloudRefusal`. */
export type TencentAction = (parameters: unknown) => JsonObject;

export interface TencentGatewayOptions {
  readonly version: string;
  readonly actions: Readonly<Record<string, TencentAction>>;
  readonly isRegionRequired: boolean;
  readonly credentials: EmulatedCredentials;
  readonly quotas: Quotas;
  /** The cloud's wall clock. */
  readonly now: () => number;
}

const CLOCK_TOLERANCE_SECONDS = 300;
const AUTHORIZATION =
  /^TC3-HMAC-SHA256 Credential=([^/\s,]+)\/(\d{4}-\d\d-\d\d)\/([^/\s,]*)\/tc3_request,\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;
const REGION = /^[a-z]+-[a-z0-9-]+$/;

const REFUSALS: Readonly<Record<RefusalReason, { code: string; message: string }>> = {
  throttle: {
    code: "RequestLimitExceeded",
    message: "Your current request times exceeds the frequency limit. Please try again later.",
  },
  denied: {
    code: "UnauthorizedOperation",
    message: "The operation is unauthorized, the CAM policy denies it.",
  },
  expiredToken: { code: "AuthFailure.TokenFailure", message: "The temporary token is invalid." },
  unknownKey: { code: "AuthFailure.SecretIdNotFound", message: "The SecretId is not found." },
  serverError: { code: "InternalError", message: "An internal error has occurred." },
};

export function createTencentGateway(options: TencentGatewayOptions): Gateway {
  const { version, actions, isRegionRequired, credentials, quotas, now } = options;

  const perform = (request: CloudRequest): JsonObject => {
    const actionName = requireHeader(request, "x-tc-action", "Action");
    requireHeader(request, "x-tc-version", "Version");
    const credential = verifyTc3(request, credentials, now());

    if (request.headers["x-tc-version"] !== version) {
      throw new CloudRefusal("NoSuchVersion", "The API version does not exist.");
    }
    const action = Object.hasOwn(actions, actionName) ? actions[actionName] : undefined;
    if (action === undefined) {
      throw new CloudRefusal("InvalidAction", `The action ${actionName} does not exist.`);
    }
    if (isRegionRequired && !REGION.test(requireHeader(request, "x-tc-region", "Region"))) {
      throw new CloudRefusal("UnsupportedRegion", "The region is not supported.");
    }
    if (!quotas.admit(actionName, credential.accountId, request.arrivedAtMs)) {
      throw toRefusal("throttle");
    }
    return action(toParameters(request.body));
  };

  return {
    readAction: (request) => request.headers["x-tc-action"] ?? "",
    answer: (request) => {
      try {
        return toAnswer(perform(request), null);
      } catch (error) {
        if (error instanceof CloudRefusal) return toErrorAnswer(error);
        throw error;
      }
    },
    refuse: (reason) => toErrorAnswer(toRefusal(reason)),
  };
}

/** An action whose parameters are checked first, with the codes that the gateway has for each mistake. */
export function defineTencentAction<S extends z.ZodType>(
  schema: S,
  run: (parameters: z.output<S>) => JsonObject,
): TencentAction {
  return (parameters) => {
    const parsed = schema.safeParse(parameters, { reportInput: true });
    if (parsed.success) return run(parsed.data);
    throw toParameterRefusal(parsed.error.issues[0]);
  };
}

function toParameterRefusal(issue: z.core.$ZodIssue | undefined): CloudRefusal {
  const name = issue?.path.join(".") ?? "";
  if (issue?.code === "unrecognized_keys") {
    return new CloudRefusal(
      "UnknownParameter",
      `The parameter \`${issue.keys.join("`, `")}\` is not recognized.`,
    );
  }
  if (issue?.code === "invalid_type") {
    return issue.input === undefined
      ? new CloudRefusal(
          "MissingParameter",
          `The request is missing a required parameter \`${name}\`.`,
        )
      : new CloudRefusal(
          "InvalidParameter",
          `The value type of parameter \`${name}\` is not valid.`,
        );
  }
  return new CloudRefusal(
    "InvalidParameterValue",
    `The value of parameter \`${name}\` is not valid.`,
  );
}

function verifyTc3(
  request: CloudRequest,
  credentials: EmulatedCredentials,
  nowMs: number,
): EmulatedCredential {
  if (request.method !== "POST") {
    throw new CloudRefusal("UnsupportedProtocol", "Only POST requests are emulated.");
  }
  if (request.path !== "/" || !/^application\/json\b/.test(request.headers["content-type"] ?? "")) {
    throw new CloudRefusal("InvalidRequest", "The request is not a JSON document for the path /.");
  }
  const [, secretId, date, service, signedHeaders, signature] =
    AUTHORIZATION.exec(request.headers["authorization"] ?? "") ?? [];
  if (
    secretId === undefined ||
    date === undefined ||
    service === undefined ||
    signedHeaders === undefined
  ) {
    throw new CloudRefusal(
      "AuthFailure.InvalidAuthorization",
      "The `Authorization` in the request header is not valid.",
    );
  }
  const timestamp = requireHeader(request, "x-tc-timestamp", "Timestamp");
  const timestampSeconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  if (!(Math.abs(timestampSeconds - nowMs / 1000) <= CLOCK_TOLERANCE_SECONDS)) {
    throw new CloudRefusal(
      "AuthFailure.SignatureExpire",
      "The signature has expired: the timestamp is more than five minutes from the server's time.",
    );
  }
  const credential = findCredential(credentials, secretId);
  if (credential === undefined) {
    throw new CloudRefusal("AuthFailure.SecretIdNotFound", "The SecretId is not found.");
  }
  const isRight =
    date === new Date(timestampSeconds * 1000).toISOString().slice(0, 10) &&
    toSignableHosts(request).some(
      (host) =>
        signature ===
        toTc3Signature({
          secretKey: credential.accessKeySecret,
          service,
          timestampSeconds,
          headers: toSignedHeaders(request, signedHeaders, host),
          body: request.body,
        }),
    );
  if (!isRight) {
    throw new CloudRefusal(
      "AuthFailure.SignatureFailure",
      "The provided credentials could not be validated. Please check your signature is correct.",
    );
  }
  // The token is not part of the signature: it is checked on its own.
  const token = request.headers["x-tc-token"] ?? "";
  if (token !== (credential.securityToken ?? "") || credential.isExpired) {
    throw toRefusal("expiredToken");
  }
  return credential;
}

/** The official Node SDK signs the host without its port, others sign the header as it is sent. */
function toSignableHosts(request: CloudRequest): string[] {
  const host = request.headers["host"] ?? "";
  return [host, host.replace(/:\d+$/, "")];
}

function toSignedHeaders(
  request: CloudRequest,
  names: string,
  host: string,
): (readonly [string, string])[] {
  const signed = names.split(";");
  if (!signed.includes("content-type") || !signed.includes("host")) {
    throw new CloudRefusal(
      "AuthFailure.InvalidAuthorization",
      "The headers content-type and host must be signed.",
    );
  }
  return signed.map((name) => [
    name,
    name === "host" ? host : (request.headers[name] ?? "").trim().toLowerCase(),
  ]);
}

function requireHeader(request: CloudRequest, header: string, parameter: string): string {
  const value = request.headers[header];
  if (value !== undefined && value !== "") return value;
  throw new CloudRefusal(
    "MissingParameter",
    `The request is missing a required parameter \`${parameter}\`.`,
  );
}

function toParameters(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new CloudRefusal("InvalidRequest", "The request body is not JSON.");
  }
}

function toRefusal(reason: RefusalReason): CloudRefusal {
  const { code, message } = REFUSALS[reason];
  return new CloudRefusal(code, message, { isThrottled: reason === "throttle" });
}

function toErrorAnswer({ code, message, isThrottled }: CloudRefusal): CloudAnswer {
  return toAnswer({ Error: { Code: code, Message: message } }, code, isThrottled);
}

function toAnswer(fields: JsonObject, code: string | null, isThrottled = false): CloudAnswer {
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: { Response: { ...fields, RequestId: randomUUID() } },
    code,
    isThrottled,
  };
}
