// The type that keeps a secret out of any output: credentials, tokens, and what clouds answer with.
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
