import { describe, expect, it } from "vitest";
import { checkJsonSize } from "../../src/server/json-size.ts";

const LIMITS = { variableDepth: 3, variableValues: 10 };
const check = (json: string) => checkJsonSize(Buffer.from(json), LIMITS);

describe("the size of JSON", () => {
  it.each([
    ["nothing", ""],
    ["as many levels as allowed", '{"a":[{}]}'],
    ["brackets in texts", '{"a":"[[[[[[{{{{{{,,,,,,,,,,,,,,,,"}'],
    ["brackets behind an escaped quote", '{"a":"\\"[[[[[[[["}'],
    ["brackets behind an escaped backslash and quote", '["\\\\\\"[[[[[["]'],
    ["levels that were closed", "[[[]],[[]]]"],
    ["a text that does not end", '["[[[[[[[['],
    ["what is no JSON", "]]]]]]]]"],
    ["letters beyond ASCII", '{"ключ":"значение"}'],
  ])("is accepted: %s", (_, json) => {
    expect(() => check(json)).not.toThrow();
  });

  it.each([
    ["a level too many", "[[[[]]]]"],
    ["levels without an end", "[".repeat(100_000)],
    ["a level too many behind a text", '{"a\\\\":[[["x"]]]}'],
    ["too many values", "[1,2,3,4,5,6,7,8,9,10,11]"],
    ["too many empty lists", `[${"[],".repeat(6)}[]]`],
  ])("is refused: %s", (_, json) => {
    expect(() => check(json)).toThrow(/more than (3 levels|10 values)/);
  });
});
