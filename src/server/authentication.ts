// What is found out about who asks: a caller, or why there is none.
import type { Caller } from "../context.ts";
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
