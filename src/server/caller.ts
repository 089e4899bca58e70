// Who is asking: decided from the request's headers, before its body is read.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Config } from "../config/index.ts";
import type { Caller } from "../context.ts";
import { SCOPES } from "../scopes.ts";

/** The caller that the headers prove, or `null`. */
export type Authenticate = (headers: IncomingHttpHeaders) => Caller | null;

/** Without authentication everybody may read, but nobody gets personal data or secrets. */
const ANYBODY: Caller = { scopes: new Set([SCOPES.read, SCOPES.operationsRead]) };

export function createAuthenticate({ mode, gateway }: Config["auth"]): Authenticate {
  switch (mode) {
    case "none":
      return () => ANYBODY;
    case "gateway": {
      const accepted = gateway.token.map((token) => toDigest(token.reveal()));
      return (headers) => {
        const token = headers[gateway.header];
        if (typeof token !== "string") return null;
        // Compared as digests, in a time that tells neither the length nor how much of it was right.
        const digest = toDigest(token);
        const matches = accepted.map((expected) => timingSafeEqual(expected, digest));
        return matches.includes(true) ? { scopes: toScopes(headers[gateway.scopesHeader]) } : null;
      };
    }
    case "jwt":
      throw new Error("auth.mode jwt is refused when the configuration is read");
  }
}

function toDigest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** A list separated by spaces or commas; a header sent twice arrives joined by commas. */
function toScopes(header: string | string[] | undefined): ReadonlySet<string> {
  return new Set(
    [header ?? []]
      .flat()
      .join(" ")
      .split(/[\s,]+/)
      .filter(Boolean),
  );
}
