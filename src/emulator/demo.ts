// The part of `npm run demo` that is compiled: the emulator, and this subgraph in front of it, in one process.
import "reflect-metadata";
import { createConfigSchema } from "../config/index.ts";
import { createLog } from "../log.ts";
import { products } from "../providers/index.ts";
import { type Server, startServer } from "../server/server.ts";
import { type Emulator, startEmulator } from "./index.ts";

export interface EmulatedSubgraphOptions {
  readonly port: number;
  readonly adminPort: number;
  /** For gateways that refuse `@requiresScopes`. */
  readonly authorizationDirectives: boolean;
  /** Writes which device has which of these ids, one list a product, and answers with the file's path. */
  readonly writeDirectory: (ids: readonly (readonly string[])[]) => Promise<string>;
}

export interface EmulatedSubgraph {
  readonly emulator: Emulator;
  readonly server: Server;
}

/** A thousand certificates in each of the four products. */
export async function startEmulatedSubgraph(
  options: EmulatedSubgraphOptions,
): Promise<EmulatedSubgraph> {
  const { port, adminPort, authorizationDirectives, writeDirectory } = options;
  const emulator = await startEmulator({ fleetSize: 1000, seed: "demo" });
  const ids = emulator.fleet.products.map((product) => product.ids());
  const config = createConfigSchema(products).parse({
    connections: toConnections(emulator),
    server: { port, adminPort, explorer: true, drainSeconds: 0 },
    join: { directory: { file: await writeDirectory(ids) } },
    schema: { authorizationDirectives },
  });
  const exampleIds = emulator.fleet.products.map((product) => product.at(7).id);
  const server = await startServer({ config, products, log: createLog("warn"), exampleIds });
  return { emulator, server };
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
