// The operations that tests send, from test/operations.
import { readdirSync, readFileSync } from "node:fs";
import { type DocumentNode, parse, print, separateOperations } from "graphql";

const FOLDER = new URL("../operations/", import.meta.url);
/** What a frontend may ask: of this subgraph, and of a supergraph with the example of devices. */
const EXAMPLES = /^(?:supergraph\/.*|certificate-.*|expiry-badge)\.graphql$/;

/** The text of one or more files, so that operations can use the fragments of another file. */
export function readOperation(...names: readonly string[]): string {
  return names.map((name) => readFile(`${name}.graphql`)).join("\n");
}

/** A frontend's operations by their names, each with the fragments that it needs and nothing else. */
export function readExamples(): ReadonlyMap<string, string> {
  const names = readdirSync(FOLDER, { recursive: true, encoding: "utf8" });
  const text = names.filter((name) => EXAMPLES.test(name)).map(readFile);
  const examples: Record<string, DocumentNode> = separateOperations(parse(text.join("\n")));
  return new Map(Object.entries(examples).map(([name, document]) => [name, print(document)]));
}

function readFile(name: string): string {
  return readFileSync(new URL(name, FOLDER), "utf8");
}
