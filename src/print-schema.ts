// `npm run schema`: writes the generated files of schema/, or with --check fails when they have drifted.
import "reflect-metadata";
import { readFile, writeFile } from "node:fs/promises";
import { type GraphQLSchema, isAbstractType } from "graphql";
import { toConfigJsonSchema } from "./config/index.ts";
import { products } from "./providers/index.ts";
import { createSchema } from "./schema.ts";

const folder = new URL("../schema/", import.meta.url);
const isCheck = process.argv.includes("--check");

const { schema, sdl } = await createSchema({ products });
const generated = {
  "device-certificates.graphql": sdl,
  "config.schema.json": `${JSON.stringify(toConfigJsonSchema(products), null, 2)}\n`,
  "possible-types.json": `${JSON.stringify(toPossibleTypes(schema), null, 2)}\n`,
};

for (const [name, content] of Object.entries(generated)) {
  const file = new URL(name, folder);
  if (!isCheck) {
    await writeFile(file, content);
    process.stdout.write(`schema/${name} written\n`);
  } else if ((await readFile(file, "utf8").catch(() => "")) !== content) {
    process.stderr.write(`schema/${name} has drifted from the code: run npm run schema\n`);
    process.exitCode = 1;
  }
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
