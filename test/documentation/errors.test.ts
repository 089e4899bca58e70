import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../../src/errors.ts";
import { REFUSALS } from "../../src/server/refusal.ts";
import { readText } from "./pages.ts";

const page = readText("docs/errors.md");

/** The rows of the table below this heading, their cells without padding. */
function readTable(firstHeading: string): string[][] {
  const lines = page.split("\n");
  const start = lines.findIndex((line) => toCells(line)[0] === firstHeading);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end).map(toCells);
}

function toCells(line: string): string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

describe("docs/errors.md", () => {
  it("has every error code and nothing else, with its meaning and its extensions", () => {
    const expected = Object.entries(ERROR_CODES).map(([code, { when, extensions }]) => [
      `\`${code}\``,
      when,
      extensions.map((extension) => `\`${extension}\``).join(", "),
    ]);
    expect(readTable("code")).toEqual(expected);
  });

  it("has every other code that a request is refused with", () => {
    const documented = [...readTable("code"), ...readTable("other code")].map(([code]) => code);
    for (const { code } of Object.values(REFUSALS)) expect(documented).toContain(`\`${code}\``);
  });

  it("explains every extension", () => {
    const explained = readTable("extension").map(([name = ""]) => name.replaceAll("`", ""));
    const carried = Object.values(ERROR_CODES).flatMap(({ extensions }) => [...extensions]);
    expect(explained.toSorted()).toEqual([...new Set<string>(carried)].sort());
  });
});
