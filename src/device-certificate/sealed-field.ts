// The fields that hand out a secret encrypted to the caller's key.
import { Arg, Ctx, Field } from "type-graphql";
import { RequiresScope, SCOPES } from "../scopes.ts";

/** Hands out secrets to the caller of one request. */
export interface SecretSealer {
  /** The secret of this name of a certificate, as a compact JWE for the recipient; `null` when the cloud has none. */
  seal(certificateId: string, name: string, recipientJwk: string): Promise<string | null>;
}

/** What a sealed field needs of the request's context. */
export interface SealingContext {
  readonly secrets: SecretSealer;
}

/**
 * A field `(recipient: String!): String` that needs the scope for secrets. `secret` says what it hands out, `source` is the vendor's
 * name of it.
 * The method below it gets the recipient and a `SealingContext`.
 */
export function SealedField(secret: string, source: string): MethodDecorator {
  return (target, key, descriptor) => {
    Arg("recipient", () => String, {
      description: "The public key to encrypt to, as the JSON text of a JSON Web Key.",
    })(target, key, 0);
    Ctx()(target, key, 1);
    Field(() => String, {
      nullable: true,
      description: `${secret} as a compact JWE for the recipient's public JWK. Source: ${source}; null when the cloud has none, an error where secrets are not handed out.`,
    })(target, key, descriptor);
    RequiresScope(SCOPES.secretRead)(target, key, descriptor);
  };
}
