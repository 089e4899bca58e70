// Who may ask for the schema: `__schema`, `__type`, and `_service`, by which gateways compose.
import type { Config } from "../config/index.ts";

/** Whether the callers of this configuration may. */
export function allowsIntrospection({ schema, auth, server }: Config): boolean {
  switch (schema.introspection) {
    case "on":
      return true;
    case "off":
      return false;
    case "auto":
      // Whoever runs a process on loopback, or holds the gateway's token, or serves everybody on purpose, may read the
      // schema. A frontend's user with a token of their own need not.
      return auth.mode !== "jwt" || server.explorer;
  }
}
