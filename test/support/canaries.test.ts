import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { toCanary } from "../../src/emulator/determined.ts";
import { findForms } from "./canaries.ts";

const canary = toCanary("a", "test");
const around = (text: string) => `{"before":"${text}after"}`;

describe("a planted secret is found", () => {
  it.each([
    ["as it is", around(canary)],
    ["in JSON in JSON", JSON.stringify(JSON.stringify({ key: canary }))],
    ["in base64, at each place", btoa(around(canary))],
    ["in base64, one further", btoa(` ${around(canary)}`)],
    ["in base64, two further", btoa(`  ${around(canary)}`)],
    ["in base64url", Buffer.from(around(canary)).toString("base64url")],
    ["in hexadecimal", Buffer.from(around(canary)).toString("hex")],
    ["in upper-case hexadecimal", Buffer.from(canary).toString("hex").toUpperCase()],
    ["in a URL", `/?key=${encodeURIComponent(around(canary))}`],
    ["in a URL, every character escaped", escapeAll("%", 2)],
    ["in JSON, every character escaped", escapeAll("\\u", 4)],
    ["reversed", [...around(canary)].reverse().join("")],
    ["cut off", around(canary.slice(0, 12))],
  ])("%s", (_, text) => {
    expect(findForms(text)).not.toEqual([]);
  });

  it("and so is any other that is looked for", () => {
    const token = "not-a-real-token-0001";
    expect(findForms(around(token))).toEqual([]);
    for (const text of [token, btoa(`x${token}x`), Buffer.from(token).toString("hex")]) {
      expect(findForms(around(text), [token])).not.toEqual([]);
    }
  });
});

it("nothing is found in a million characters of noise", () => {
  const noise = Array.from({ length: 20_000 }, (_, index) =>
    createHash("sha256").update(String(index)).digest("base64"),
  ).join("");
  expect(findForms(noise)).toEqual([]);
});

function escapeAll(prefix: string, digits: number): string {
  return [...Buffer.from(canary)]
    .map((byte) => prefix + byte.toString(16).padStart(digits, "0"))
    .join("");
}
