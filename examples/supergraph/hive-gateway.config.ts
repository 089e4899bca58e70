// Hive Gateway in front of supergraph.graphql, with all that this subgraph needs of it: who asks, and patience.
// hive-gateway supergraph supergraph.graphql --config-path examples/supergraph/hive-gateway.config.ts
import { defineConfig } from "@graphql-hive/gateway";

export const gatewayConfig = defineConfig({
  // Longer than the subgraph's answer.withinMs: it gives what it has by then, and a gateway that gave up gets nothing.
  upstreamTimeout: Number(process.env["TIME_LIMIT_MS"] ?? 30_000),
  propagateHeaders: {
    fromClientToSubgraphs: ({ request }) => ({
      // For auth.mode: jwt. The subgraph checks the token itself.
      authorization: request.headers.get("authorization"),
      // For auth.mode: gateway. What is known of the caller stands here, never what the client says of itself.
      ...(process.env["GATEWAY_TOKEN"] !== undefined && {
        "x-gateway-token": process.env["GATEWAY_TOKEN"],
        "x-scopes": "device-certificate:read",
      }),
    }),
  },
});
