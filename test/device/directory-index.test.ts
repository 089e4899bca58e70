import { describe, expect, it } from "vitest";
import { DirectoryIndex } from "../../src/device/directory-index.ts";

describe("a directory index", () => {
  it("finds the certificates of a device in the order of their rows, each once", () => {
    const index = new DirectoryIndex();
    for (const [device, certificate] of [
      ["a", "1"],
      ["b", "2"],
      ["a", "3"],
      ["a", "1"],
      ["泵 ü", "ключ"],
      ["a", "0"],
    ] as const)
      index.add(device, certificate);
    expect(index.find("a")).toEqual(["1", "3", "0"]);
    expect(index.find("b")).toEqual(["2"]);
    expect(index.find("泵 ü")).toEqual(["ключ"]);
    for (const other of ["", "A", "c", "泵", "__proto__", "\ud83d"])
      expect(index.find(other)).toEqual([]);
    expect(index.rows).toBe(6);
  });

  it("finds nothing in an empty one", () => {
    const index = new DirectoryIndex();
    index.seal();
    expect([index.find("a"), index.rows, index.bytes]).toEqual([[], 0, 0]);
  });

  it("holds many times the rows of one table, and takes little more than their text", () => {
    const index = new DirectoryIndex();
    const count = 300_000;
    let textBytes = 0;
    const certificateOf = (row: number) => `aliyun-iot:default:a1:d${row}`;
    for (let row = 0; row < count; row++) {
      const device = `device-${row % 250_000}`;
      index.add(device, certificateOf(row));
      textBytes += device.length + certificateOf(row).length;
    }
    index.seal();
    expect(index.rows).toBe(count);
    expect(index.bytes).toBeLessThan(textBytes + 20 * count);
    for (let row = 0; row < 250_000; row += 997) {
      const expected =
        row < 50_000 ? [certificateOf(row), certificateOf(row + 250_000)] : [certificateOf(row)];
      expect(index.find(`device-${row}`)).toEqual(expected);
    }
    expect(index.find(`device-${count}`)).toEqual([]);
  });

  it("takes as long for many rows of one device as for rows of many", () => {
    const index = new DirectoryIndex();
    for (let row = 0; row < 200_000; row++) index.add("one", `c${row}`);
    expect(index.find("one")).toHaveLength(200_000);
    expect(index.find("one").at(70_000)).toBe("c70000");
  });

  it("takes rows of the longest texts, and more after it was sealed", () => {
    const index = new DirectoryIndex();
    const device = (row: number) => `${row}${"泵".repeat(1000)}`;
    for (let row = 0; row < 1000; row++) index.add(device(row), "ü".repeat(1024));
    index.seal();
    index.add("more", "c");
    expect(index.find(device(999))).toEqual(["ü".repeat(1024)]);
    expect(index.find("more")).toEqual(["c"]);
  });
});
