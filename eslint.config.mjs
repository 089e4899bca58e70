// ESLint checks the schema alone, with graphql-eslint's recommended rules and some of its stricter ones; Biome checks
// the code. Every exception stands here with its reason.
import { readFileSync } from "node:fs";
import { buildSubgraphSchema } from "@apollo/subgraph";
import graphql from "@graphql-eslint/eslint-plugin";
import { parse, printSchema } from "graphql";

const sdl = readFileSync(new URL("schema/device-certificates.graphql", import.meta.url), "utf8");

// biome-ignore lint/style/noDefaultExport: eslint reads its configuration from the default export
export default [
  {
    files: ["schema/*.graphql"],
    plugins: { "@graphql-eslint": graphql },
    languageOptions: {
      parser: graphql.parser,
      parserOptions: {
        graphQLConfig: {
          // With the definitions of federation's directives. The plugin's own way of adding them calls @apollo/subgraph
          // as it was before 2.15.
          schema: printSchema(buildSubgraphSchema(parse(sdl))),
        },
      },
    },
    rules: {
      ...graphql.configs["flat/schema-recommended"].rules,
      "@graphql-eslint/require-description": [
        "error",
        {
          types: true,
          DirectiveDefinition: true,
          rootField: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          EnumValueDefinition: true,
          // Every subgraph has a Query, and the devices' own has the device with its key: a description of ours would
          // stand for the whole graph, and composers complain where another subgraph has its own.
          ignoredSelectors: [
            "ObjectTypeDefinition[name.value=Query]",
            "ObjectTypeDefinition[name.value=Device]",
            "ObjectTypeDefinition[name.value=Device] > FieldDefinition[name.value=id]",
          ],
        },
      ],
      "@graphql-eslint/strict-id-in-types": [
        "error",
        {
          exceptions: {
            types: [
              // Parts of a certificate: the cloud gives them no id, and nobody fetches one by itself.
              "TencentSslCertificateExtra",
              "TencentSslDvAuth",
              "TencentSslDvAuthDetail",
              "TencentSslSubmittedData",
              "TencentTag",
              // A measurement of just now, named by product, connection and action together.
              "ProviderQuota",
            ],
          },
        },
      ],
      // A failure must cost its own field, not the answer.
      "@graphql-eslint/require-nullable-result-in-root": "error",
      // This subgraph reads, and nothing else.
      "@graphql-eslint/no-root-type": ["error", { disallow: ["mutation", "subscription"] }],
    },
  },
];
