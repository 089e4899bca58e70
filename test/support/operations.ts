// The operations that tests send, from test/operations.
import { readFileSync } from "node:fs";

/** The text of one or more files, so that operations can use the fragments of another file. */
export function readOperation(...names: readonly string[]): string {
  return names
    .map((name) => readFileSync(new URL(`../operations/${name}.graphql`, import.meta.url), "utf8"))
    .join("\n");
}
