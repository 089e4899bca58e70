// For codegen.yml: the schema that frontends see behind a gateway, composed of this subgraph and the example of devices.
import { readFile } from "node:fs/promises";
import { composeServices } from "@apollo/composition";
import { buildSchema, type GraphQLSchema, parse, printSchema } from "graphql";

// biome-ignore lint/style/noDefaultExport: codegen.yml names this file as a loader, and codegen calls its default export
export default async function loadSupergraphSchema(path: string): Promise<GraphQLSchema> {
  const { schema, errors } = composeServices([
    await toService("device-certificates", "schema/device-certificates.graphql"),
    await toService("devices", path),
  ]);
  if (schema === undefined) throw new AggregateError(errors ?? [], "the subgraphs do not compose");
  // Printed and read again: its classes are those of another copy of graphql.
  return buildSchema(printSchema(schema.toAPISchema().toGraphQLJSSchema()));
}

async function toService(name: string, path: string) {
  const typeDefs = parse(await readFile(path, "utf8"));
  return { name, typeDefs, url: `http://127.0.0.1/${name}` };
}
