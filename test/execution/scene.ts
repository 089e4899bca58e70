// Everything that operations are executed with, in front of an emulator.
import "reflect-metadata";
import { pino } from "pino";
import { createConfigSchema } from "../../src/config/index.ts";
import { createRequestContext, type RequestContext, type Subgraph } from "../../src/context.ts";
import { CertificateCatalog } from "../../src/device-certificate/certificate-id.ts";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { connectProducts } from "../../src/providers/connect.ts";
import { products } from "../../src/providers/index.ts";
import { CertificateCache } from "../../src/retrieval/certificate-cache.ts";
import { Retrieval } from "../../src/retrieval/retrieval.ts";
import { createSchema, type SubgraphSchema } from "../../src/schema.ts";
import { SCOPES } from "../../src/scopes.ts";
import { toConnections } from "../support/subgraph.ts";

export const MAX_ENTITIES = 30;

export interface Scene {
  readonly emulator: Emulator;
  readonly schema: SubgraphSchema;
  /** Three of each product. */
  readonly ids: readonly string[];
  /** Of a request by a caller with these scopes; by default with all. */
  createContext(scopes?: readonly string[]): RequestContext;
  close(): Promise<void>;
}

export interface SceneOptions {
  /** The section `cache` of the configuration. */
  readonly cache?: Readonly<Record<string, unknown>>;
}

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const emulator = await startEmulator({ fleetSize: 20, seed: "execution", quotas: "off" });
  const config = createConfigSchema(products).parse({
    connections: toConnections(emulator, { callsPerSecond: 1000 }),
    answer: { maxEntities: MAX_ENTITIES },
    ...options,
  });
  const log = pino({ level: "silent" });
  const { connections, answer } = config;
  const connected = await connectProducts({
    products,
    connections,
    withinMs: answer.withinMs,
    log,
  });
  const subgraph: Subgraph = {
    catalog: new CertificateCatalog(connected.products),
    devices: { findCertificateIds: (id) => (id === "unknown" ? [] : id.split(" ")) },
    secretsDesk: undefined,
    retrieval: new Retrieval({ cache: new CertificateCache(config.cache), log }),
    actions: connected.actions,
    answer,
  };
  return {
    emulator,
    schema: await createSchema({ products }),
    ids: [4, 5, 6].flatMap((index) => emulator.fleet.products.map((one) => one.at(index).id)),
    createContext: (scopes = Object.values(SCOPES)) =>
      createRequestContext(
        subgraph,
        { subject: null, scopes: new Set(scopes) },
        { requestId: "1", arrivedAtMs: performance.now() },
      ),
    close: async () => {
      await connected.close();
      await emulator.close();
    },
  };
}
