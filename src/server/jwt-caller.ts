// Callers with a JSON Web Token (RFC 7519) of the configured issuer.
import { errors, type JWTPayload } from "jose";
import type { Config } from "../config/index.ts";
import type { Caller } from "../context.ts";
import type { Log } from "../log.ts";
import { type Authenticate, type Authentication, toUnauthenticated } from "./authentication.ts";
import { readOnce } from "./request-head.ts";
import { KeysUnavailableError, type TokenKeySource, verifyToken } from "./token-keys.ts";
import { openKeysFile } from "./token-keys-file.ts";
import { createRemoteKeys } from "./token-keys-remote.ts";

type JwtConfig = Config["auth"]["jwt"];

/** Clocks of servers differ a little. */
const CLOCK_TOLERANCE_SECONDS = 5;
const RETRY_AFTER_SECONDS = 5;
const BEARER = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+) *$/i;
const MAX_SUBJECT_LENGTH = 256;

const REFUSED = toUnauthenticated("Bearer");
const UNCHECKED: Authentication = {
  denial: {
    status: 503,
    headers: { "retry-after": String(RETRY_AFTER_SECONDS) },
    message: "Callers cannot be checked at the moment.",
  },
};

/** Rejects when the keys are in a file that cannot be read. */
export async function createJwtAuthenticate(config: JwtConfig, log: Log): Promise<Authenticate> {
  const { issuer, audience, algorithms, scopeClaim } = config;
  if (issuer === undefined || audience === undefined) {
    throw new Error("auth.mode jwt without issuer or audience is refused with the configuration");
  }
  const keys = await openKeys(config, log);
  const options = {
    issuer,
    audience,
    algorithms: [...algorithms],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: ["exp"],
  };

  return async (head) => {
    const token = BEARER.exec(readOnce(head, "authorization") ?? "")?.[1];
    if (token === undefined) return REFUSED;
    try {
      return { caller: toCaller(await verifyToken(token, keys, options), scopeClaim) };
    } catch (error) {
      if (error instanceof KeysUnavailableError) return UNCHECKED;
      log.debug(toReason(error), "a token was refused");
      return REFUSED;
    }
  };
}

async function openKeys({ jwksUrl, publicKeyFile }: JwtConfig, log: Log): Promise<TokenKeySource> {
  if (publicKeyFile !== undefined) return openKeysFile(publicKeyFile, log);
  if (jwksUrl !== undefined) return createRemoteKeys({ url: jwksUrl, log });
  throw new Error("auth.mode jwt without keys is refused with the configuration");
}

function toCaller(payload: JWTPayload, scopeClaim: string): Caller {
  const names = [payload.sub, payload["client_id"], payload["azp"]];
  const subject = names.find((name) => typeof name === "string" && name !== "");
  return {
    scopes: new Set(toScopes(findClaim(payload, scopeClaim))),
    subject: typeof subject === "string" ? subject.slice(0, MAX_SUBJECT_LENGTH) : null,
  };
}

/** Names of claims may have dots in them, as URLs do; only else does a dot lead into another claim. */
function findClaim(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  return name
    .split(".")
    .reduce<unknown>(
      (value, step) => (isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined),
      payload,
    );
}

/** A text with scopes between spaces (RFC 8693), or a list of them; anything else names none. */
function toScopes(claim: unknown): string[] {
  if (typeof claim === "string") return claim.split(" ").filter(Boolean);
  return Array.isArray(claim) ? claim.filter((scope) => typeof scope === "string") : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** For the log. Not the error itself: it carries the claims. */
function toReason(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired) {
    return { code: error.code, claim: error.claim, reason: error.reason };
  }
  return { code: error instanceof errors.JOSEError ? error.code : "unknown" };
}
