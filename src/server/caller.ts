// Who is asking: decided from the request's headers, before its body is read.
import type { Config } from "../config/index.ts";
import type { Log } from "../log.ts";
import { SCOPES } from "../scopes.ts";
import type { Authenticate, Authentication } from "./authentication.ts";
import { createGatewayAuthenticate } from "./gateway-caller.ts";

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
