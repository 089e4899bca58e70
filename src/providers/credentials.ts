// What signs a cloud call: the shape that both clouds share, and the type that keeps secrets out of any output.
import { inspect } from "node:util";

const REDACTED = "<redacted>";

/** A text that must never be printed: every way of turning it into output says `<redacted>`. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Call it where the text is used, and keep the result nowhere. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/** What a request is signed with. */
export interface Credential {
  readonly accessKeyId: string;
  readonly accessKeySecret: Secret;
  /** The session token of temporary (STS) credentials. */
  readonly securityToken?: Secret;
}

/** Where the credential of one connection comes from: the configuration, or a vendor's own provider chain. */
export interface CredentialSource {
  /** The credential to sign with now. Rejects when none can be had; a failure is never remembered. */
  get(): Promise<Credential>;
  /** Fetch a new one before the next use, because the cloud refused this one. Nothing to do for static ones. */
  refresh(refused: Credential): void;
}
