// A committed subgraph schema as a GraphQL schema: for code generation, lint and the search for breaking changes.
import { readFile } from "node:fs/promises";
import { buildSubgraphSchema } from "@apollo/subgraph";
import {
  buildASTSchema,
  type DefinitionNode,
  type GraphQLSchema,
  Kind,
  parse,
  printSchema,
} from "graphql";

/** As whoever asks the subgraph sees it: `_entities` included, without what composers alone read. */
export function toClientSchema(sdl: string): GraphQLSchema {
  const schema = buildSubgraphSchema(parse(sdl));
  const document = parse(printSchema(schema));
  return buildASTSchema({ ...document, definitions: document.definitions.filter(isForClients) });
}

function isForClients(definition: DefinitionNode): boolean {
  if (definition.kind === Kind.DIRECTIVE_DEFINITION) return false;
  const name = "name" in definition ? definition.name?.value : undefined;
  return !/^(?:federation|link)__/.test(name ?? "");
}

// biome-ignore lint/style/noDefaultExport: codegen.yml names this file as a loader, and codegen calls its default export
export default async function loadClientSchema(path: string): Promise<GraphQLSchema> {
  return toClientSchema(await readFile(path, "utf8"));
}
