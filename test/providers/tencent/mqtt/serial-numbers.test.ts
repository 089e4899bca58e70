import { describe, expect, it } from "vitest";
import {
  toCanonicalSn,
  toSnLetters,
  toSnSpellings,
} from "../../../../src/providers/tencent/mqtt/mapper.ts";

const SN = "0eef68a582b94254296e54ce754f94d707a59911";

describe("toCanonicalSn", () => {
  it.each([
    [SN, "eef68a582b94254296e54ce754f94d707a59911"],
    [SN.toUpperCase(), "eef68a582b94254296e54ce754f94d707a59911"],
    ["eef68a582b94254296e54ce754f94d707a59911", "eef68a582b94254296e54ce754f94d707a59911"],
    ["000a", "a"],
    ["a000", "a000"],
    ["0", "0"],
    ["0000", "0"],
    // More digits than a number can hold exactly.
    ["00900719925474099312345", "900719925474099312345"],
  ])("writes %s as %s", (spelling, canonical) => {
    expect(toCanonicalSn(spelling)).toBe(canonical);
  });
});

describe("toSnSpellings", () => {
  it("starts with the spelling that was asked with", () => {
    for (const asked of [SN, SN.toUpperCase(), SN.slice(1), `00${SN}`])
      expect(toSnSpellings(asked)[0]).toBe(asked);
  });

  it("adds the two spellings of the vendor's examples: 40 digits, and those without the zero", () => {
    expect(toSnSpellings(SN.slice(1).toUpperCase())).toEqual([
      SN.slice(1).toUpperCase(),
      SN.slice(1),
      SN,
    ]);
  });

  it("names each spelling once", () => {
    const whole = `4b${SN.slice(2)}`;
    expect(toSnSpellings(whole)).toEqual([whole]);
    expect(toSnSpellings(SN)).toEqual([SN, SN.slice(1)]);
  });

  it("adds upper-case ones until it is known in which letters the cloud writes, the likeliest first", () => {
    const [stripped, STRIPPED, WHOLE] = [SN.slice(1), SN.slice(1).toUpperCase(), SN.toUpperCase()];
    expect(toSnSpellings(SN, "unknown")).toEqual([SN, stripped, STRIPPED, WHOLE]);
    expect(toSnSpellings(SN, "upper")).toEqual([WHOLE, STRIPPED, stripped, SN]);
    expect(toSnSpellings(SN, "lower")).toEqual([SN, stripped]);
    expect(toSnSpellings("0123456789", "unknown")).toEqual(["0123456789", "123456789"]);
  });

  it("does not fill up what is far too short", () => {
    expect(toSnSpellings("7f")).toEqual(["7f"]);
  });
});

describe("toSnLetters", () => {
  it.each([
    [SN, "lower"],
    [SN.toUpperCase(), "upper"],
    ["2079624632453564", "unknown"],
    ["", "unknown"],
    [null, "unknown"],
  ])("tells of %s that the cloud writes %s letters", (sn, letters) => {
    expect(toSnLetters(sn)).toBe(letters);
  });
});
