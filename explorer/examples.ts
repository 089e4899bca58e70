// The example operations as tabs of GraphiQL: the text that the tests send, with ids to ask for.
import { Kind, parse } from "graphql";
import certificatePage from "../test/operations/certificate-page.graphql?raw";
import certificatePem from "../test/operations/certificate-pem.graphql?raw";
import certificateTable from "../test/operations/certificate-table.graphql?raw";
import expiryBadge from "../test/operations/expiry-badge.graphql?raw";

/** What this server tells its own page; the same names as in src/server/explorer.ts. */
export interface Examples {
  /** Certificates that can be asked for; none where only the operator knows some. */
  readonly ids: readonly string[];
  /** How ids look here, for whoever has to write one. */
  readonly idForms: readonly string[];
  /** The headers by which this server knows its callers, without their values. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Tab {
  readonly query: string;
  readonly variables: string;
  readonly headers: string | null;
}

const FILES = [certificateTable, certificatePage, expiryBadge, certificatePem];

export function toTabs({ ids, idForms, headers }: Examples): Tab[] {
  const fragments = new Map(FILES.flatMap(readFragments));
  const headersText = Object.keys(headers).length > 0 ? JSON.stringify(headers, null, 2) : null;
  return FILES.map((file) => {
    const query = withFragments(file, fragments);
    return {
      query,
      variables: /\$ids\b/.test(query) ? writeIds(ids, idForms) : writeId(ids[0], idForms),
      headers: headersText,
    };
  });
}

/** An operation with the fragments of other files that it needs, so that a tab can be copied as it is. */
function withFragments(file: string, fragments: ReadonlyMap<string, string>): string {
  let text = file.trim();
  const own = new Set(readFragments(file).map(([name]) => name));
  for (const [, name = ""] of text.matchAll(/\.\.\.(?!on\b)\s*(\w+)/g)) {
    const fragment = fragments.get(name);
    if (own.has(name) || fragment === undefined) continue;
    own.add(name);
    text += `\n\n${fragment}`;
  }
  return `${text}\n`;
}

function readFragments(file: string): [name: string, text: string][] {
  return parse(file).definitions.flatMap((definition): [string, string][] =>
    definition.kind === Kind.FRAGMENT_DEFINITION && definition.loc
      ? [[definition.name.value, file.slice(definition.loc.start, definition.loc.end)]]
      : [],
  );
}

function writeIds(ids: readonly string[], idForms: readonly string[]): string {
  if (ids.length > 0) return JSON.stringify({ ids }, null, 2);
  return `{\n  "ids": [\n${writeForms(idForms, "    ")}\n  ]\n}`;
}

function writeId(id: string | undefined, idForms: readonly string[]): string {
  if (id !== undefined) return JSON.stringify({ id }, null, 2);
  return `{\n${writeForms(idForms, "  ")}\n  "id": ""\n}`;
}

/** As comments, which GraphiQL takes out before it sends the variables. */
function writeForms(idForms: readonly string[], indent: string): string {
  return idForms.map((form) => `${indent}// "${form}"`).join("\n");
}
