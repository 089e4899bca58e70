// A whole subgraph on free ports, in front of an emulator, for tests that ask it questions over HTTP.
import "reflect-metadata";
import { Writable } from "node:stream";
import { pino } from "pino";
import { type Config, createConfigSchema } from "../../src/config/index.ts";
import type { CertificateProduct } from "../../src/device-certificate/product.ts";
import type { Emulator } from "../../src/emulator/index.ts";
import { products as allProducts } from "../../src/providers/index.ts";
import { type Server, startServer } from "../../src/server/server.ts";

export interface GraphQLAnswer {
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever shape their own query asked for
  readonly data?: any;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: Readonly<Record<string, unknown>>;
  }[];
}

export interface TestSubgraph extends Server {
  /** Asks a question; rejects when the answer is no JSON. */
  ask(
    query: string,
    variables?: Record<string, unknown>,
    headers?: Record<string, string>,
  ): Promise<GraphQLAnswer>;
  /** Everything that was logged so far. */
  readonly logged: () => string;
}

export interface TestSubgraphOptions {
  readonly connections: readonly unknown[];
  readonly products?: readonly CertificateProduct[];
  /** Further sections of the configuration, as in the file. */
  readonly sections?: Readonly<Record<string, unknown>>;
}

export async function startTestSubgraph(options: TestSubgraphOptions): Promise<TestSubgraph> {
  const { connections, products = allProducts, sections = {} } = options;
  const config: Config = createConfigSchema(products).parse({
    server: { port: 0, adminPort: 0, drainSeconds: 0 },
    connections,
    ...sections,
  });
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const server = await startServer({ config, products, log: pino({ level: "debug" }, stream) });
  return {
    ...server,
    logged: () => lines.join(""),
    ask: async (query, variables = {}, headers = {}) => {
      const response = await fetch(server.url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as GraphQLAnswer;
    },
  };
}

/** The connections of a configuration that reach all four APIs of an emulator. */
export function toConnections({ origins, credentials }: Emulator): Record<string, unknown>[] {
  return (["tencent", "aliyun"] as const).map((cloud) => {
    const { accessKeyId, accessKeySecret } = credentials[cloud].static;
    return {
      cloud,
      name: "default",
      region: cloud === "tencent" ? "ap-guangzhou" : "cn-shanghai",
      credentials: { accessKeyId, accessKeySecret },
      endpoints: { ...origins[cloud] },
    };
  });
}
