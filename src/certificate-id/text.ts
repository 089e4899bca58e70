// The text of certificate ids: segments, their escapes, and what is wrong with one.

/** Longer texts are no ids: no cloud has keys of this length. */
const MAX_ID_LENGTH = 1024;
const MAX_ECHOED_LENGTH = 80;

/** One segment behind the connection. */
export interface SegmentForm {
  /** The vendor's word, used in messages: `InstanceId`. */
  readonly name: string;
  /** What it must look like, where the vendor says so. */
  readonly pattern?: { readonly regExp: RegExp; readonly expected: string };
}

/** A text is no certificate id. */
export class CertificateIdError extends Error {
  /** The segment that is wrong, by its name; `undefined` when it is the text as a whole. */
  readonly segment: string | undefined;

  constructor(expectation: string, segment?: string) {
    super(`Malformed certificate id: ${expectation}.`);
    this.name = "CertificateIdError";
    this.segment = segment;
  }
}

/** Joins segments to an id, each escaped. */
export function joinSegments(product: string, connection: string, key: readonly string[]): string {
  const id = [product, connection, ...key].map(encodeSegment).join(":");
  checkLength(id);
  return id;
}

/** The segments of an id, still escaped: the product, the connection if there is one, and the key. */
export function splitSegments(
  id: unknown,
): [product: string, connection: string | undefined, ...key: string[]] {
  if (typeof id !== "string") throw new CertificateIdError(`expected a string, got ${quote(id)}`);
  checkLength(id);
  const [product = "", connection, ...key] = id.split(":");
  return [product, connection, ...key];
}

/** The values of the key's segments, checked. */
export function readKey(forms: readonly SegmentForm[], texts: readonly string[]): string[] {
  if (texts.length > forms.length) {
    const last = forms.at(-1)?.name;
    const message = `nothing is expected behind segment "${last}"; write ":" inside of one as %3A`;
    throw new CertificateIdError(message, last);
  }
  return forms.map((form, index) => {
    const text = texts[index];
    if (text === undefined) throw createSegmentError(form.name, "is missing");
    return checkSegment(form, decodeSegment(form.name, text));
  });
}

export function decodeSegment(name: string, text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%(.{0,2})/gs, (_, code: string) => {
    if (code === "25") return "%";
    if (code.toUpperCase() === "3A") return ":";
    throw createSegmentError(name, "expected only %25 (for %) and %3A (for :)", `%${code}`);
  });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

/** Answers with the value, or throws what is wrong with it. */
export function checkSegment({ name, pattern }: SegmentForm, value: string): string {
  if (value === "") throw createSegmentError(name, "is empty");
  if (CONTROL_CHARACTER.test(value)) {
    throw createSegmentError(name, "expected no control characters", value);
  }
  // Half a character cannot be sent to any cloud.
  if (!value.isWellFormed()) throw createSegmentError(name, "expected well-formed Unicode", value);
  if (pattern !== undefined && !pattern.regExp.test(value)) {
    throw createSegmentError(name, `expected ${pattern.expected}`, value);
  }
  return value;
}

/** `segment "X" is missing`, or `segment "X": expected … , got "…"`. */
export function createSegmentError(
  name: string,
  expectation: string,
  came?: string,
): CertificateIdError {
  const text =
    came === undefined
      ? `segment "${name}" ${expectation}`
      : `segment "${name}": ${expectation}, got ${quote(came)}`;
  return new CertificateIdError(text, name);
}

function encodeSegment(value: string): string {
  // A directory has a million of them, and hardly one with anything to escape.
  if (!value.includes(":") && !value.includes("%")) return value;
  return value.replaceAll("%", "%25").replaceAll(":", "%3A");
}

function checkLength(id: string): void {
  if (id.length <= MAX_ID_LENGTH) return;
  throw new CertificateIdError(`expected at most ${MAX_ID_LENGTH} characters, got ${id.length}`);
}

function quote(came: unknown): string {
  if (typeof came !== "string") return came === null ? "null" : typeof came;
  return JSON.stringify(
    came.length > MAX_ECHOED_LENGTH ? `${came.slice(0, MAX_ECHOED_LENGTH)}…` : came,
  );
}
