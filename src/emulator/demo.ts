// `npm run demo`: the emulator and the subgraph in one process, and the answer of one real question.
import "reflect-metadata";
import { parseArgs } from "node:util";
import { createConfigSchema } from "../config/index.ts";
import { createLog } from "../log.ts";
import { products } from "../providers/index.ts";
import { startServer } from "../server/server.ts";
import { type Emulator, startEmulator } from "./index.ts";

const FLEET_SIZE = 1000;

const QUERY = `query Certificates($ids: [ID!]!) {
  deviceCertificates(ids: $ids) {
    __typename
    id
    status
    ... on X509DeviceCertificate {
      subject
      notAfter
      daysUntilExpiry
    }
  }
}`;

async function main(): Promise<void> {
  const emulator = await startEmulator({ fleetSize: FLEET_SIZE, seed: "demo" });
  const config = createConfigSchema(products).parse({
    connections: toConnections(emulator),
    server: { ...readArguments(), explorer: true },
  });
  const ids = emulator.fleet.products.map((product) => product.at(7).id);
  const log = createLog("warn");
  const server = await startServer({ config, products, log, exampleIds: ids });

  const stop = () => {
    process.stdout.write("\nStopping.\n");
    void Promise.all([server.close(), emulator.close()]).then(() => process.exit(0));
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);

  const answer = await ask(server.url, ids);
  process.stdout.write(`
The subgraph answers GraphQL at     ${server.url} (in a browser: GraphiQL)
Health and metrics are at           ${server.adminUrl}/readyz and /metrics
It asks an emulator of four cloud APIs, with ${FLEET_SIZE.toLocaleString("en")} certificates in each:
${describeOrigins(emulator)}

One question about four devices, one in each cloud product:

${indent(QUERY)}

with the variables

${indent(JSON.stringify({ ids }, null, 2))}

was just answered with

${indent(JSON.stringify(answer, null, 2))}

Try it yourself:

    curl -s ${server.url} -H 'content-type: application/json' \\
      -d '{"query":"{ deviceCertificate(id: \\"${ids[0]}\\") { id status ... on X509DeviceCertificate { pem } } }"}'

Make a cloud fail, and ask again:

    curl -s ${emulator.controlOrigin}/faults -H 'content-type: application/json' \\
      -d '{"api":"aliyun-iot","kind":"html502"}'

Ctrl-C ends everything.
`);
}

/** `--port 0 --admin-port 0` for any free ones, where the usual ports are taken. */
function readArguments(): { readonly port?: number; readonly adminPort?: number } {
  const { port, "admin-port": adminPort } = parseArgs({
    options: { port: { type: "string" }, "admin-port": { type: "string" } },
  }).values;
  return {
    ...(port !== undefined && { port: Number(port) }),
    ...(adminPort !== undefined && { adminPort: Number(adminPort) }),
  };
}

function toConnections({ origins, credentials }: Emulator): unknown[] {
  const { tencent, aliyun } = credentials;
  const toKeys = ({ accessKeyId, accessKeySecret }: typeof tencent.static) => ({
    accessKeyId,
    accessKeySecret,
  });
  return [
    {
      cloud: "tencent",
      region: "ap-guangzhou",
      credentials: toKeys(tencent.static),
      endpoints: origins.tencent,
    },
    {
      cloud: "aliyun",
      region: "cn-shanghai",
      credentials: toKeys(aliyun.static),
      endpoints: origins.aliyun,
    },
  ];
}

async function ask(url: string, ids: readonly string[]): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: QUERY, variables: { ids } }),
  });
  return response.json();
}

function describeOrigins({ origins: { tencent, aliyun } }: Emulator): string {
  return [
    `    Tencent TDMQ for MQTT           ${tencent.mqtt}`,
    `    Tencent SSL Certificates        ${tencent.ssl}`,
    `    Alibaba IoT Platform            ${aliyun.iot}`,
    `    Alibaba ApsaraMQ for MQTT       ${aliyun.mqtt}`,
  ].join("\n");
}

function indent(text: string): string {
  return text.replace(/^/gm, "    ");
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
});
