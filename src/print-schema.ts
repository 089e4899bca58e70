// `npm run schema`: writes the generated files of schema/, or with --check fails when they have drifted.
import "reflect-metadata";
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type GraphQLSchema, isAbstractType } from "graphql";
import {
  ConfigError,
  loadSchemaConfig,
  type SchemaConfig,
  toConfigJsonSchema,
} from "./config/index.ts";
import { products } from "./providers/index.ts";
import { createSchema, listTypeNames } from "./schema.ts";

const USAGE = `Usage: npm run schema -- [--config FILE] [--out FILE] [--check]

Writes the schema that this subgraph serves, for composition.

  --config FILE   the variant of this configuration: its device type, its source of certificate ids, its
                  directives (variables and files of other sections need not be there);
                  or the variable SUBGRAPH_CONFIG; by default the variant of the default configuration
  --out FILE      where to; by default the generated files in schema/
  --check         writes nothing and fails when a file would change
`;

const EXIT_BAD_CONFIGURATION = 2;
const folder = new URL("../schema/", import.meta.url);

async function main(): Promise<void> {
  const { config: named, out, check = false } = readArguments();
  // What is committed is the default variant, whatever the environment of the check says.
  const path = named ?? (check ? undefined : process.env["SUBGRAPH_CONFIG"]);
  const takenTypeNames = listTypeNames();
  const config =
    path && (await loadSchemaConfig(path, { products, takenTypeNames, env: process.env }));
  const { schema, sdl } = await createSchema(config ? toVariant(config) : { products });
  const files: [name: string, file: string | URL, content: string][] =
    out === undefined
      ? Object.entries({
          "device-certificates.graphql": sdl,
          "config.schema.json": toJson(toConfigJsonSchema(products)),
          "possible-types.json": toJson(toPossibleTypes(schema)),
        }).map(([name, content]) => [`schema/${name}`, new URL(name, folder), content])
      : [[out, out, sdl]];
  for (const [name, file, content] of files) {
    if (!check) {
      await writeFile(file, content);
      process.stdout.write(`${name} written\n`);
    } else if ((await readFile(file, "utf8").catch(() => "")) !== content) {
      process.stderr.write(`${name} has drifted from the code: run npm run schema\n`);
      process.exitCode = 1;
    }
  }
}

function readArguments(): { config?: string; out?: string; check?: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        config: { type: "string" },
        out: { type: "string" },
        check: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    if (!values.help) return values;
    process.stdout.write(USAGE);
    process.exit(0);
  } catch (error) {
    return leave(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
}

function leave(message: string): never {
  process.stderr.write(message);
  process.exit(EXIT_BAD_CONFIGURATION);
}

function toVariant({ join, schema: { authorizationDirectives } }: SchemaConfig) {
  return { products, join, authorizationDirectives };
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The concrete types of every interface and union, as Apollo Client's `possibleTypes` takes them. */
function toPossibleTypes(schema: GraphQLSchema): Readonly<Record<string, readonly string[]>> {
  const possibleTypes = Object.values(schema.getTypeMap())
    .filter(isAbstractType)
    // The union of all entities is between gateways and subgraphs: no frontend sees it.
    .filter(({ name }) => name !== "_Entity")
    .map((type): [string, string[]] => [
      type.name,
      schema.getPossibleTypes(type).map(({ name }) => name),
    ]);
  return Object.fromEntries(possibleTypes.map(([name, types]) => [name, types.sort()]).sort());
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) leave(`${error.message}\n`);
  process.stderr.write(`Cannot write: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
});
