// Writes DER, as far as X.509 certificates need it. Synchronous and deterministic, which WebCrypto-based writers are not.

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const PRINTABLE_STRING = 0x13;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const CONTEXT = 0x80;
const CONSTRUCTED = 0x20;

/** The first year that RFC 5280 wants as GeneralizedTime. */
const FIRST_GENERALIZED_YEAR = 2050;

export function toSequence(...items: readonly Uint8Array[]): Buffer {
  return toElement(SEQUENCE, ...items);
}

export function toSet(...items: readonly Uint8Array[]): Buffer {
  return toElement(SET, ...items);
}

/** An element of the context-specific class that holds other elements. */
export function toExplicit(tag: number, ...items: readonly Uint8Array[]): Buffer {
  return toElement(CONTEXT | CONSTRUCTED | tag, ...items);
}

/** An element of the context-specific class that holds plain bytes. */
export function toImplicit(tag: number, bytes: Uint8Array): Buffer {
  return toElement(CONTEXT | tag, bytes);
}

export function toBoolean(value: boolean): Buffer {
  return toElement(BOOLEAN, Uint8Array.of(value ? 0xff : 0));
}

/** A non-negative integer. */
export function toInteger(value: bigint): Buffer {
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  // A leading one bit would make the number negative.
  return (bytes[0] ?? 0) >= 0x80
    ? toElement(INTEGER, Uint8Array.of(0), bytes)
    : toElement(INTEGER, bytes);
}

export function toBitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return toElement(BIT_STRING, Uint8Array.of(unusedBits), bytes);
}

export function toOctetString(bytes: Uint8Array): Buffer {
  return toElement(OCTET_STRING, bytes);
}

export function toUtf8String(text: string): Buffer {
  return toElement(UTF8_STRING, Buffer.from(text, "utf8"));
}

export function toPrintableString(text: string): Buffer {
  return toElement(PRINTABLE_STRING, Buffer.from(text, "latin1"));
}

/** `2.5.4.3` */
export function toObjectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return toElement(
    OBJECT_IDENTIFIER,
    Buffer.from([first * 40 + second, ...rest.flatMap(toBase128)]),
  );
}

/** A point in time with the precision of a second, in the form that RFC 5280 wants for its year. */
export function toTime(time: Date): Buffer {
  const digits = time.toISOString().replace(/\.\d+/, "").replace(/[-:T]/g, "");
  return time.getUTCFullYear() < FIRST_GENERALIZED_YEAR
    ? toElement(UTC_TIME, Buffer.from(digits.slice(2), "latin1"))
    : toElement(GENERALIZED_TIME, Buffer.from(digits, "latin1"));
}

function toElement(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.of(tag), toLength(content.length), content]);
}

function toLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x100) return Uint8Array.of(0x81, length);
  return Uint8Array.of(0x82, length >> 8, length & 0xff);
}

function toBase128(arc: number): number[] {
  const bytes = [arc & 0x7f];
  for (let rest = arc >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}
