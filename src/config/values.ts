// The kinds of single values in the configuration file. The message of each says what is expected, as a noun phrase:
// reports put "expected" before it and what came behind it.
import { z } from "zod";
import { Secret } from "../secret.ts";

const HEADER_CHARACTERS = /^[\x21-\x7e]+$/;
const ORIGIN = /^https?:\/\/[^/?#@\\\s]+$/;

/** A whole number between bounds that both belong to it. */
export function wholeNumber(min: number, max: number) {
  const expected = { error: () => `a whole number from ${min} to ${max}` };
  return z.int(expected).min(min, expected).max(max, expected);
}

/** A number between bounds that both belong to it. */
export function numberFrom(min: number, max: number) {
  const expected = { error: () => `a number from ${min} to ${max}` };
  return z.number(expected).min(min, expected).max(max, expected);
}

/** A number above zero. */
export function positiveNumber(max: number) {
  const expected = { error: () => `a number above 0, at most ${max}` };
  return z.number(expected).gt(0, expected).max(max, expected);
}

export function trueOrFalse() {
  return z.boolean({ error: () => "true or false" });
}

/** A text that matches the whole of a pattern. */
export function textLike(pattern: RegExp, expected: string) {
  return z.string({ error: () => expected }).regex(pattern, { error: () => expected });
}

/** A path that starts from the folder of the configuration file, unless it starts with a slash. */
export function filePath() {
  return textLike(/^[^\0]+$/, "the path of a file");
}

export function oneOf<const Word extends string>(words: readonly [Word, ...Word[]]) {
  return z.enum(words, { error: () => toChoice(words) });
}

/** A text that is never printed. */
export function secretLike(pattern: RegExp, expected: string) {
  return textLike(pattern, expected).transform((text) => new Secret(text));
}

/** A part of a credential: characters that a header can carry. */
export function headerText() {
  return textLike(HEADER_CHARACTERS, "a text without spaces or line breaks");
}

/** An http or https origin, answered in its normal spelling. */
export function httpOrigin() {
  const expected = {
    error: () =>
      "an http or https origin such as https://example.com:8443, without path, query or user",
  };
  return z
    .string(expected)
    .regex(ORIGIN, expected)
    .refine((text) => URL.canParse(text), expected)
    .transform((text) => new URL(text).origin);
}

/** Says which words are possible: `one of none, jwt, gateway`. */
export function toChoice(words: readonly string[]): string {
  return words.length === 1 ? String(words[0]) : `one of ${words.join(", ")}`;
}

/** A mapping that takes these keys and no others. */
export function mapping<const Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    // Zod leaves the schema out of its issues: this is how the known keys reach the report.
    error: (issue) =>
      issue.code === "unrecognized_keys" ? Object.keys(shape).join(" ") : undefined,
  });
}
