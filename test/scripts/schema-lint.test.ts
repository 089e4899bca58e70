import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILE = "schema/device-certificates.graphql";
const committed = readFileSync(`${ROOT}${FILE}`, "utf8");

function lint(schema: string): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["node_modules/eslint/bin/eslint.js", "--stdin", "--stdin-filename", FILE],
    { cwd: ROOT, input: schema, encoding: "utf8" },
  );
  return { status, output: stdout + stderr };
}

describe("the rules of the schema", () => {
  it("pass the schema as it is committed", () => {
    expect(lint(committed)).toEqual({ status: 0, output: "" });
  });

  it.each([
    ["a type without description", "type Bare { id: ID! }", "require-description"],
    ["a field without description", '"A type."\ntype Bare { id: ID! }', "require-description"],
    [
      "a directive that is not defined",
      '"A type."\ntype Bare @made {\n"Its id."\nid: ID!\n}',
      "known-directives",
    ],
    [
      "a deprecation without reason",
      '"A type."\ntype Bare {\n"Its id."\nid: ID! @deprecated\n}',
      "require-deprecation-reason",
    ],
  ])("refuse %s", (_what, definition, rule) => {
    const { status, output } = lint(`${committed}\n${definition}\n`);
    expect(status).toBe(1);
    expect(output).toContain(rule);
  });
});
