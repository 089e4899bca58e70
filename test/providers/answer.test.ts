import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ProviderError } from "../../src/errors.ts";
import {
  flag,
  integer,
  listOf,
  objectOf,
  readAnswer,
  requiredInteger,
  requiredObject,
  requiredText,
  text,
} from "../../src/providers/answer.ts";

const ORIGIN = { provider: "hooli-mqtt", connection: "default" };

describe("a field that a certificate can do without", () => {
  it.each([
    ["a text", text, [true, {}, []]],
    ["a whole number", integer, ["", "--", "abc", "2026-01-01", true, 1.5, 1e300]],
    ["a flag", flag, ["true", 1, {}]],
    ["a list", listOf(z.string()), ["", "a,b", 5, {}]],
    ["an object", objectOf({ Name: requiredText }), ["", [], 5, { Name: true }]],
  ] as const)("that is %s is null when it has another type", (_, schema, values) => {
    for (const value of values) {
      expect(readAnswer(z.object({ Field: schema }), { Field: value }, ORIGIN).Field).toBeNull();
    }
  });

  it("keeps those items of a list that can be read", () => {
    expect(readAnswer(listOf(z.string()), ["a", null, 5, "b"], ORIGIN)).toEqual(["a", "b"]);
  });
});

describe("a field that a certificate cannot do without", () => {
  it.each([
    ["a text", requiredText, true],
    ["a whole number", requiredInteger, "abc"],
    ["an object", requiredObject({ Name: text }), "x"],
  ] as const)(
    "that is %s makes the answer unreadable, for this certificate alone",
    (_, schema, value) => {
      const read = () => readAnswer(z.object({ Field: schema }), { Field: value }, ORIGIN);
      expect(read).toThrow(ProviderError);
      try {
        read();
      } catch (error) {
        expect(error).toMatchObject({
          code: "PROVIDER_UNAVAILABLE",
          isOfOneCertificate: true,
          isRetryable: false,
          retryAfterMs: 60_000,
        });
      }
    },
  );
});
