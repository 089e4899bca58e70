// One product connected to an emulator as the process does it: with credentials, quota and retries, without the graph.
import "reflect-metadata";
import { Writable } from "node:stream";
import { pino } from "pino";
import { createConfigSchema } from "../../src/config/index.ts";
import type {
  CertificateProduct,
  CertificateReading,
  CertificateSource,
} from "../../src/device-certificate/product.ts";
import type { Emulator } from "../../src/emulator/index.ts";
import { connectProducts } from "../../src/providers/connect.ts";
import { products } from "../../src/providers/index.ts";
import { CallTicket } from "../../src/quota/quota.ts";
import { type ConnectionOptions, toConnections } from "./subgraph.ts";

export interface ConnectedTestProduct {
  /** Reads the certificates with these keys together. */
  fetch(
    keys: readonly (readonly string[])[],
    needsDetail?: boolean,
  ): Promise<PromiseSettledResult<CertificateReading | null>[]>;
  readonly logged: () => string;
  close(): Promise<void>;
}

export async function connectTestProduct(
  product: CertificateProduct,
  emulator: Emulator,
  options: ConnectionOptions & { readonly withinMs?: number } = {},
): Promise<ConnectedTestProduct> {
  const { withinMs = 10_000 } = options;
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const { connections } = createConfigSchema(products).parse({
    connections: toConnections(emulator, options),
  });
  const connected = await connectProducts({
    products: [product],
    connections: connections.filter(({ cloud }) => cloud === product.cloud.name),
    withinMs,
    log: pino({ level: "debug" }, stream),
  });
  const source: CertificateSource | undefined = connected.products[0]?.source;
  if (source === undefined) throw new Error(`${product.prefix} is not connected`);
  return {
    fetch: (keys, needsDetail = false) => {
      const requester = { deadlineMs: performance.now() + withinMs };
      const requests = keys.map((key) => ({
        key,
        needsDetail,
        ticket: new CallTicket(requester),
      }));
      return Promise.allSettled(source.fetch(requests));
    },
    logged: () => lines.join(""),
    close: () => connected.close(),
  };
}
