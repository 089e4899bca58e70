// Who is asking: decided from the request's headers, before its body is read.
import type { Config } from "../config/index.ts";
import type { Caller } from "../context.ts";
import type { Log } from "../log.ts";
import { SCOPES } from "../scopes.ts";
import { createGatewayAuthenticate } from "./gateway-caller.ts";
import type { RequestHead } from "./request-head.ts";

/** What a request is answered with whose caller is not known. */
export interface Denial {
  /** 503 where nobody can be checked for the moment. */
  readonly status: 401 | 503;
  readonly headers: Readonly<Record<string, string>>;
  /** Never says which check failed: the log does, at the level debug. */
  readonly message: string;
}

export type Authentication = { readonly caller: Caller } | { readonly denial: Denial };

/** Finds the caller whom the headers prove. */
export type Authenticate = (head: RequestHead) => Authentication | Promise<Authentication>;

/** Without authentication everybody may read, but nobody gets personal data or secrets. */
const ANYBODY: Authentication = {
  caller: { subject: null, scopes: new Set([SCOPES.read, SCOPES.operationsRead]) },
};

/** Rejects when the keys that tokens are checked with are in a file that cannot be read. */
export async function createAuthenticate(auth: Config["auth"], log: Log): Promise<Authenticate> {
  switch (auth.mode) {
    case "none":
      return () => ANYBODY;
    case "gateway":
      return createGatewayAuthenticate(auth.gateway);
    case "jwt": {
      // Loaded only where it is needed: it makes the start longer.
      const { createJwtAuthenticate } = await import("./jwt-caller.ts");
      return createJwtAuthenticate(auth.jwt, log);
    }
  }
}

/** The scheme is what a caller should have used. */
export function toUnauthenticated(scheme: string): Authentication {
  return {
    denial: {
      status: 401,
      headers: { "www-authenticate": scheme },
      message: "There is no valid caller.",
    },
  };
}
