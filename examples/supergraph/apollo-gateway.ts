// Apollo Gateway in front of supergraph.graphql, with all that this subgraph needs of it: who asks, and patience.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";

const USAGE = `Usage: node examples/supergraph/apollo-gateway.ts [options]

  --supergraph FILE   supergraph.graphql
  --port N            4000; 0 for any free one
`;

/** Longer than the subgraph's answer.withinMs: it gives what it has by then, and a gateway that gave up gets nothing. */
const TIME_LIMIT_MS = Number(process.env["TIME_LIMIT_MS"] ?? 30_000);

interface Context {
  readonly authorization?: string | undefined;
}

const { supergraph, port, help } = parseArgs({
  options: {
    supergraph: { type: "string", default: "supergraph.graphql" },
    port: { type: "string", default: "4000" },
    help: { type: "boolean" },
  },
}).values;
if (help) {
  process.stdout.write(USAGE);
  process.exit();
}

const gateway = new ApolloGateway({
  supergraphSdl: readFileSync(supergraph, "utf8"),
  buildService: ({ url = "" }) =>
    new RemoteGraphQLDataSource<Context>({
      url,
      fetcher: (address, { headers = {}, body = "" } = {}) =>
        fetch(address, {
          method: "POST",
          headers,
          body: String(body),
          signal: AbortSignal.timeout(TIME_LIMIT_MS),
        }),
      willSendRequest: ({ request, context: { authorization } }) => {
        const headers = request.http?.headers;
        // For auth.mode: jwt. The subgraph checks the token itself.
        if (authorization !== undefined) headers?.set("authorization", authorization);
        // For auth.mode: gateway. What is known of the caller stands here, never what the client says of itself.
        if (process.env["GATEWAY_TOKEN"] !== undefined) {
          headers?.set("x-gateway-token", process.env["GATEWAY_TOKEN"]);
          headers?.set("x-scopes", "device-certificate:read");
        }
      },
    }),
});
const server = new ApolloServer<Context>({ gateway, includeStacktraceInErrorResponses: false });
const { url } = await startStandaloneServer(server, {
  listen: { host: "127.0.0.1", port: Number(port) },
  context: async ({ req }) => ({ authorization: req.headers.authorization }),
});
process.stdout.write(`gateway at ${url}\n`);
