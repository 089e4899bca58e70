// What of a new schema breaks those who rely on the old one: graphql-js's rules, and two of federation's own.
import {
  type ConstDirectiveNode,
  type DocumentNode,
  findBreakingChanges,
  Kind,
  parse,
  print,
} from "graphql";
import { toClientSchema } from "./federated-schema.ts";

export interface SchemaBreak {
  readonly type: string;
  /** One sentence; the changelog declares the break by it. */
  readonly description: string;
}

/** Both are texts of subgraph schemas. */
export function findBreaks(before: string, after: string): readonly SchemaBreak[] {
  return [
    ...findBreakingChanges(toClientSchema(before), toClientSchema(after)),
    ...findFederationBreaks(readDirectives(parse(before)), readDirectives(parse(after))),
  ];
}

interface Directives {
  /** The keys of every type: other subgraphs and gateways fetch it by them. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
  /** What a caller must hold for a field, by `Type.field`; empty where nothing is demanded. */
  readonly scopes: ReadonlyMap<string, string>;
}

/** What has gone altogether, or has come, is graphql-js's to judge. */
function findFederationBreaks(before: Directives, after: Directives): SchemaBreak[] {
  const lostKeys = [...before.keys].flatMap(([type, keys]) => {
    const kept = after.keys.get(type) ?? keys;
    return keys
      .filter((key) => !kept.includes(key))
      .map((key) => ({ type: "KEY_REMOVED", description: `${type} lost its ${key}.` }));
  });
  const newScopes = [...after.scopes].flatMap(([field, scopes]) => {
    const isOther = before.scopes.has(field) && before.scopes.get(field) !== scopes;
    if (!isOther || scopes === "") return [];
    return [{ type: "SCOPES_CHANGED", description: `${field} now has ${scopes}.` }];
  });
  return [...lostKeys, ...newScopes];
}

function readDirectives({ definitions }: DocumentNode): Directives {
  const keys = new Map<string, readonly string[]>();
  const scopes = new Map<string, string>();
  for (const definition of definitions) {
    if (
      definition.kind !== Kind.OBJECT_TYPE_DEFINITION &&
      definition.kind !== Kind.INTERFACE_TYPE_DEFINITION
    )
      continue;
    const type = definition.name.value;
    keys.set(type, printDirectives("key", definition.directives));
    for (const { name, directives } of definition.fields ?? [])
      scopes.set(`${type}.${name.value}`, printDirectives("requiresScopes", directives).join(" "));
  }
  return { keys, scopes };
}

function printDirectives(
  name: string,
  directives: readonly ConstDirectiveNode[] | undefined,
): string[] {
  return (directives ?? []).filter((directive) => directive.name.value === name).map(print);
}
