// Writes selections of every field of a type, from the schema: what a test asks for, and what it takes to get it.
import { readFileSync } from "node:fs";
import {
  buildSchema,
  type GraphQLField,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
} from "graphql";

/** As generated; what directives demand stands in its syntax tree. */
export const schema = buildSchema(
  readFileSync(new URL("../../schema/device-certificates.graphql", import.meta.url), "utf8"),
  { assumeValidSDL: true },
);

/** A field that is asked for, and what it takes to get it. */
export interface Wanted {
  readonly name: string;
  /** Its name in the answer. */
  readonly key: string;
  readonly scopes: readonly string[];
  readonly children: readonly Wanted[];
}

export interface Written {
  readonly selection: string;
  readonly fragments: string;
  readonly wanted: readonly Wanted[];
}

/** All fields, each under its own name, through the type and through its interfaces. */
export function writeInline(typeName: string): Written {
  const parts = [typeName, ...listInterfaces(typeName)].map((name) => {
    const wanted = listWanted(name, (field) => field);
    return { wanted, text: `... on ${name} { ${print(wanted)} }` };
  });
  return {
    selection: parts.map(({ text }) => text).join(" "),
    fragments: "",
    wanted: parts.flatMap(({ wanted }) => wanted),
  };
}

/** All fields twice, under names that do not say which they are, through a fragment of a fragment. */
export function writeNamed(typeName: string): Written {
  let count = 0;
  const toAlias = () => {
    count += 1;
    return `alias${count}`;
  };
  const wanted = [...listWanted(typeName, toAlias), ...listWanted(typeName, toAlias)];
  return {
    selection: "...Outer",
    fragments: `fragment Outer on DeviceCertificate { ...Inner }\nfragment Inner on ${typeName} { ${print(wanted)} }`,
    wanted,
  };
}

function listWanted(typeName: string, toKey: (field: string) => string): Wanted[] {
  const type = schema.getType(typeName);
  if (!isObjectType(type) && !isInterfaceType(type)) return [];
  return Object.values(type.getFields()).map((field) => ({
    name: field.name,
    key: toKey(field.name),
    scopes: listScopes(field),
    children: listWanted(getNamedType(field.type).name, toKey),
  }));
}

export function listScopes({ astNode }: GraphQLField<unknown, unknown>): string[] {
  const directive = astNode?.directives?.find(({ name }) => name.value === "requiresScopes");
  const scopes = directive?.arguments?.[0]?.value;
  if (scopes?.kind !== Kind.LIST) return [];
  return scopes.values.flatMap((all) =>
    all.kind === Kind.LIST
      ? all.values.flatMap((scope) => (scope.kind === Kind.STRING ? [scope.value] : []))
      : [],
  );
}

export function listInterfaces(typeName: string): string[] {
  const type = schema.getType(typeName);
  return isObjectType(type) ? type.getInterfaces().map(({ name }) => name) : [];
}

function print(wanted: readonly Wanted[]): string {
  return wanted
    .map(({ name, key, children }) => {
      const args = name.startsWith("sealed") ? "(recipient: $recipient)" : "";
      const below = children.length > 0 ? ` { ${print(children)} }` : "";
      return `${key === name ? "" : `${key}: `}${name}${args}${below}`;
    })
    .join(" ");
}

export function needsRecipient(wanted: readonly Wanted[]): boolean {
  return wanted.some(({ name, children }) => name.startsWith("sealed") || needsRecipient(children));
}
