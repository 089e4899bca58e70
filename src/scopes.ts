// The scopes that a caller may hold, and the decorator that puts one on a field: into the schema and into force.
import { Authorized, Directive } from "type-graphql";

/** Every scope of the subgraph. */
export const SCOPES = {
  read: "device-certificate:read",
  personalRead: "device-certificate:personal:read",
  secretRead: "device-certificate:secret:read",
  operationsRead: "device-certificate:operations:read",
} as const;

export type Scope = (typeof SCOPES)[keyof typeof SCOPES];

/**
 * The field needs this scope. Written into the schema as `@requiresScopes` for gateways,
 * and enforced here because a gateway may not.
 */
export function RequiresScope(scope: Scope): PropertyDecorator & MethodDecorator {
  const intoSchema = Directive(`@requiresScopes(scopes: [["${scope}"]])`);
  const intoForce = Authorized<Scope>(scope);
  return (target: object, key: string | symbol, descriptor?: PropertyDescriptor) => {
    intoSchema(target, key);
    intoForce(target, key, descriptor ?? {});
  };
}
