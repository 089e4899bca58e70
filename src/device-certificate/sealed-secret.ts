// The fields that hand out a secret encrypted to the caller's key.
import { Arg, Field } from "type-graphql";
import { RequestError } from "../errors.ts";
import { RequiresScope, SCOPES } from "../scopes.ts";

/** A field `(recipient: String!): String` that needs the scope for secrets. `secret` names what it hands out. */
export function SealedField(secret: string): MethodDecorator {
  return (target, key, descriptor) => {
    Arg("recipient", () => String, {
      description: "The public key to encrypt to, as a JSON Web Key.",
    })(target, key, 0);
    Field(() => String, {
      nullable: true,
      description: `${secret} as a compact JWE for the recipient's public JWK; null when the cloud has none.`,
    })(target, key, descriptor);
    RequiresScope(SCOPES.secretRead)(target, key, descriptor);
  };
}

/** Secrets are dropped where the cloud's answer is decoded, so there is nothing to hand out. */
export function refuseSecret(): never {
  throw new RequestError("SECRETS_DISABLED", "Secrets are not handed out: secrets.mode is off.");
}
