// Values that look random and follow from the seed alone: the same seed gives the same bytes for ever.
import { createHash } from "node:crypto";

/** 64 bytes that follow from the parts. */
export function toDeterminedBytes(...parts: readonly (string | number)[]): Buffer {
  return createHash("sha512").update(parts.join("\u0000"), "utf8").digest();
}

/** `length` hexadecimal digits, 128 at most. */
export function toDeterminedHex(length: number, ...parts: readonly (string | number)[]): string {
  return toDeterminedBytes(...parts)
    .toString("hex")
    .slice(0, length);
}

/** `length` characters of the alphabet, 64 at most. */
export function toDeterminedText(
  alphabet: string,
  length: number,
  ...parts: readonly (string | number)[]
): string {
  return [...toDeterminedBytes(...parts).subarray(0, length)]
    .map((byte) => alphabet[byte % alphabet.length])
    .join("");
}

/** A planted secret: whoever finds `CANARY-` outside the answer of a cloud has found a leak. */
export function toCanary(...parts: readonly (string | number)[]): string {
  return `CANARY-${toDeterminedHex(24, "canary", ...parts)}`;
}

/** The value of a table that the index falls on, the table repeated without end. */
export function pickFrom<T>(table: readonly [T, ...T[]], index: number): T {
  const value = table[index % table.length];
  return value === undefined ? table[0] : value;
}

/** Numbers from 0 to 1 in an order that follows from the seed. */
export function createDice(seed: string): () => number {
  let state = toDeterminedBytes("dice", seed).readUInt32LE(0);
  return () => {
    // mulberry32: small, even enough, and nothing here has to be unpredictable.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
