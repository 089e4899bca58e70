// What a request may learn of secrets: nothing, or what the desk hands out to its caller.
import type { CertificateCatalog } from "../device-certificate/certificate-id.ts";
import type { SecretSealer } from "../device-certificate/sealed-field.ts";
import { RequestError } from "../errors.ts";
import type { Requester } from "../quota/quota.ts";
import type { SecretsDesk } from "./secrets-desk.ts";

export interface SealedSecretsOptions {
  readonly catalog: CertificateCatalog;
  /** `undefined` while `secrets.mode` is off. */
  readonly desk: SecretsDesk | undefined;
  readonly requester: Requester;
  /** Who asks, for the audit. */
  readonly subject: string | null;
  readonly requestId: string;
}

/** Lives as long as a request. */
export class SealedSecrets implements SecretSealer {
  readonly #options: SealedSecretsOptions;
  #asked = 0;

  constructor(options: SealedSecretsOptions) {
    this.#options = options;
  }

  /** Whether the answer may hold a sealed secret, and so must be kept nowhere. */
  get areAskedFor(): boolean {
    return this.#asked > 0;
  }

  /** Each call asks the cloud anew and is recorded by itself, also when a certificate is asked for twice. */
  async seal(certificateId: string, name: string, recipientJwk: string): Promise<string | null> {
    this.#asked += 1;
    const { desk, catalog, requester, subject, requestId } = this.#options;
    if (desk === undefined) {
      throw new RequestError(
        "SECRETS_DISABLED",
        "Secrets are not handed out: secrets.mode is off.",
      );
    }
    if (this.#asked > desk.maxPerOperation) {
      throw new RequestError(
        "BAD_USER_INPUT",
        `Too many secrets: expected at most ${desk.maxPerOperation} sealed fields in one operation.`,
      );
    }
    const reference = catalog.resolveId(certificateId);
    return desk.handOut({ reference, name, recipientJwk, requester, subject, requestId });
  }
}
