import { describe, expect, it } from "vitest";
import { createRowReader } from "../../src/device/directory-rows.ts";

/** What each line is read as. */
function read(fileName: string, ...lines: readonly string[]) {
  const toRow = createRowReader(fileName);
  return lines.map((line) => {
    const row = toRow(line);
    return row === null || "reason" in row ? row : [row.deviceId, row.certificateId];
  });
}

const bad = (reason: string) => ({ reason: expect.stringContaining(reason) });

describe("a CSV file", () => {
  it("starts with the names of its columns, in any order, among others", () => {
    expect(read("x.csv", "deviceId,certificateId", "d1,c1")).toEqual([null, ["d1", "c1"]]);
    expect(read("x.csv", '"certificateId","deviceId"', "c1,d1")).toEqual([null, ["d1", "c1"]]);
    expect(read("x.csv", "site, DeviceID ,certificateid", "s,d1,c1")).toEqual([null, ["d1", "c1"]]);
  });

  it("may have no names, for the two columns in their order", () => {
    expect(read("x.csv", "d1,c1", "d2,c2")).toEqual([
      ["d1", "c1"],
      ["d2", "c2"],
    ]);
  });

  it("may have a byte order mark, carriage returns and empty lines", () => {
    expect(read("x.csv", "\ufeffdeviceId,certificateId\r", "\r", "", "d1,c1\r", "  ")).toEqual([
      null,
      null,
      null,
      ["d1", "c1"],
      null,
    ]);
  });

  it("may have quotes around fields, with commas and doubled quotes in them", () => {
    expect(read("x.csv", '"a,b",c', '"a ""b""",c', '"","c"', 'a,"c"', ' a ,"c"')).toEqual([
      ["a,b", "c"],
      ['a "b"', "c"],
      bad("deviceId is empty"),
      ["a", "c"],
      [" a ", "c"],
    ]);
  });

  it.each([
    ['"a,c', "a quote is lost"],
    ['a",c', "a quote is lost"],
    ['"a"b,c', "a quote is lost"],
    ['"a" ,c', "a quote is lost"],
    ['a,"c""', "a quote is lost"],
    ["a", "expected 2 columns, got 1"],
    ["a,b,c", "expected 2 columns, got 3"],
    [",c", "deviceId is empty"],
    ["a\u0000,c", "control characters"],
    [`${"x".repeat(1025)},c`, "more than 1024 characters"],
  ])("has a bad row: %j", (line, reason) => {
    expect(read("x.csv", "deviceId,certificateId", line, "d,c")).toEqual([
      null,
      bad(reason),
      ["d", "c"],
    ]);
  });
});

describe("an NDJSON file", () => {
  it("has an object a line", () => {
    expect(
      read(
        "x.ndjson",
        '{"deviceId":"d1","certificateId":"c1"}',
        ' {"certificateId":"c,2","more":{"x":[1]},"deviceId":7}\r',
        "",
      ),
    ).toEqual([["d1", "c1"], ["7", "c,2"], null]);
  });

  it.each([
    ["{", "is no JSON"],
    ["deviceId,certificateId", "is no JSON"],
    ["null", "is no JSON object"],
    ["[]", "is no JSON object"],
    ['"x"', "is no JSON object"],
    ["{}", "certificateId"],
    ['{"deviceId":"d"}', "certificateId"],
    ['{"deviceId":"d","certificateId":null}', "certificateId"],
    ['{"deviceId":"d","certificateId":["c"]}', "certificateId"],
    ['{"certificateId":"c"}', "deviceId"],
    ['{"deviceId":null,"certificateId":"c"}', "deviceId"],
    ['{"deviceId":1.5,"certificateId":"c"}', "deviceId"],
    ['{"deviceId":9007199254740993,"certificateId":"c"}', "deviceId"],
    ['{"deviceId":true,"certificateId":"c"}', "deviceId"],
    ['{"deviceId":"","certificateId":"c"}', "deviceId is empty"],
    ['{"deviceId":"a\\n","certificateId":"c"}', "control characters"],
    ['{"deviceId":"\\ud83d","certificateId":"c"}', "well-formed"],
    ['{"__proto__":{"deviceId":"d","certificateId":"c"}}', "certificateId"],
  ])("has a bad row: %s", (line, reason) => {
    const good = '{"deviceId":"d","certificateId":"c"}';
    expect(read("x.ndjson", line, good)).toEqual([bad(reason), ["d", "c"]]);
  });
});

describe("the format of a file", () => {
  it("is told by its name", () => {
    for (const name of ["x.ndjson", "x.jsonl", "x.NDJSON"])
      expect(read(name, "d,c")).toEqual([bad("is no JSON")]);
    expect(read("x.CSV", "{d,c")).toEqual([["{d", "c"]]);
  });

  it("is told by its first line where the name does not say", () => {
    expect(read("x", "", '{"deviceId":"d","certificateId":"c"}')).toEqual([null, ["d", "c"]]);
    expect(read("x.txt", "deviceId,certificateId", "d,c")).toEqual([null, ["d", "c"]]);
  });
});
