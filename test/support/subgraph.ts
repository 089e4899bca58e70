// A whole subgraph on free ports, in front of an emulator, for tests that ask it questions over HTTP.
import "reflect-metadata";
import { Writable } from "node:stream";
import { pino } from "pino";
import { type Config, createConfigSchema } from "../../src/config/index.ts";
import type { CertificateProduct } from "../../src/device-certificate/product.ts";
import type { Emulator } from "../../src/emulator/index.ts";
import { products as allProducts } from "../../src/providers/index.ts";
import { type Server, startServer } from "../../src/server/server.ts";
import { listSecrets, searchOutput, watchAnswers } from "./output-watch.ts";

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
    operationName?: string,
  ): Promise<GraphQLAnswer>;
  /** Everything that was logged so far. */
  readonly logged: () => string;
}

export interface TestSubgraphOptions {
  readonly connections: readonly unknown[];
  readonly products?: readonly CertificateProduct[];
  /** Further sections of the configuration, as in the file. */
  readonly sections?: Readonly<Record<string, unknown>>;
  /** What the explorer's example operations ask for. */
  readonly exampleIds?: readonly string[];
  readonly isRehearsing?: boolean;
}

export async function startTestSubgraph(options: TestSubgraphOptions): Promise<TestSubgraph> {
  const { connections, products = allProducts, sections = {}, exampleIds = [] } = options;
  const { isRehearsing = false } = options;
  const config: Config = createConfigSchema(products).parse({
    server: { port: 0, adminPort: 0, drainSeconds: 0 },
    connections,
    ...sections,
  });
  const secrets = listSecrets(config);
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      searchOutput("log", String(chunk), secrets);
      done();
    },
  });
  const log = pino({ level: "debug" }, stream);
  const server = await startServer({ config, products, log, exampleIds, isRehearsing });
  watchAnswers([server.url, server.adminUrl], secrets);
  return {
    ...server,
    logged: () => lines.join(""),
    ask: async (query, variables = {}, headers = {}, operationName = undefined) => {
      const response = await fetch(server.url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ query, variables, operationName }),
      });
      return (await response.json()) as GraphQLAnswer;
    },
  };
}

export interface ConnectionOptions {
  readonly name?: string;
  /** Calls a second of every API action, to lift the quotas where they are not the subject. By default the documented ones. */
  readonly callsPerSecond?: number;
  /** By default the static ones of the emulated account. */
  readonly credential?: "static" | "sts" | "expiredSts" | "otherAccount";
  readonly iotInstanceId?: string;
}

const ACTIONS = {
  tencent: [
    "DescribeDeviceCertificate",
    "DescribeDeviceCertificates",
    "DescribeCertificate",
    "DescribeCertificates",
  ],
  aliyun: ["QueryDeviceCert", "GetDeviceCredential"],
} as const;

/** The connections of a configuration that reach all four APIs of an emulator. */
export function toConnections(
  { origins, credentials }: Emulator,
  options: ConnectionOptions = {},
): Record<string, unknown>[] {
  const { name = "default", callsPerSecond, credential = "static", iotInstanceId } = options;
  return (["tencent", "aliyun"] as const).map((cloud) => {
    const { accessKeyId, accessKeySecret, securityToken } = credentials[cloud][credential];
    return {
      cloud,
      name,
      region: cloud === "tencent" ? "ap-guangzhou" : "cn-shanghai",
      credentials: {
        accessKeyId,
        accessKeySecret,
        ...(securityToken !== undefined && { securityToken }),
      },
      endpoints: { ...origins[cloud] },
      ...(cloud === "aliyun" && iotInstanceId !== undefined && { iotInstanceId }),
      ...(callsPerSecond !== undefined && {
        quota: {
          perSecond: Object.fromEntries(ACTIONS[cloud].map((action) => [action, callsPerSecond])),
        },
      }),
    };
  });
}
