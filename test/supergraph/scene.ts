// A supergraph as a company runs it, each part over HTTP: emulated clouds, this subgraph, the example's devices, a gateway.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { composeSupergraph } from "../../examples/supergraph/compose.ts";
import { assignCertificates, toDirectoryCsv } from "../../examples/supergraph/directory.ts";
import { devices } from "../../examples/supergraph/fleet.ts";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { findFreePort } from "../support/free-port.ts";
import {
  type GraphQLAnswer,
  startTestSubgraph,
  type TestSubgraph,
  toConnections,
} from "../support/subgraph.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** For a scene: a gateway takes seconds to start, many more on a busy machine. */
export const START_WITHIN_MS = 90_000;

const UNKNOWN_CERTIFICATE = "tencent-ssl:default:noSuch00";

export type WayToJoin = "directory" | "external" | "stubs";
export type GatewayName = "apollo" | "hive";

export interface Scene {
  readonly emulator: Emulator;
  /** Another subgraph of the same kind, which knows nothing yet. */
  startReplica(): Promise<TestSubgraph>;
  /** From then on nobody answers the gateway. */
  stopSubgraph(): Promise<void>;
  /** Puts another subgraph behind the gateway, at the same address. */
  replaceSubgraph(sections: SceneOptions["sections"]): Promise<void>;
  /** The certificate of each device that has one. */
  readonly certificateIds: ReadonlyMap<string, string>;
  /** A device without a certificate. */
  readonly deviceOfNone: string;
  /** A device with one that the cloud does not have. */
  readonly deviceOfUnknown: string;
  /** The composed file. */
  readonly supergraph: string;
  /** Starts a gateway in front of it. */
  startGateway(
    name: GatewayName,
    environment?: Readonly<Record<string, string>>,
  ): Promise<TestGateway>;
  close(): Promise<void>;
}

export interface SceneOptions {
  readonly wayToJoin: WayToJoin;
  /** With one, only callers that have it are served. */
  readonly gatewayToken?: string;
  /** Further sections of the subgraph's configuration. */
  readonly sections?: Readonly<Record<string, unknown>>;
}

/** The quotas are lifted, as far as a busy machine can follow: they are the subject of other tests. */
export async function startScene(options: SceneOptions): Promise<Scene> {
  const { wayToJoin, gatewayToken, sections = {} } = options;
  const closing: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of closing.toReversed()) await end();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), "supergraph-"));
    closing.push(() => rm(folder, { recursive: true, force: true }));
    const emulator = await startEmulator({ fleetSize: 1000, seed: "supergraph", quotas: "off" });
    closing.push(() => emulator.close());
    const ids = emulator.fleet.products.map((product) => product.ids());
    const directory = join(folder, "directory.csv");
    const certificateIds = assignCertificates(ids);
    const [deviceOfNone = "", deviceOfUnknown = ""] = devices
      .map(({ id }) => id)
      .filter((id) => !certificateIds.has(id));
    await writeFile(directory, `${toDirectoryCsv(ids)}${deviceOfUnknown},${UNKNOWN_CERTIFICATE}\n`);

    const devicesPart = startPart("devices.ts", [
      ...["--port", "0"],
      ...["--join", wayToJoin],
      ...["--certificates", directory],
    ]);
    closing.push(devicesPart.close);
    const startSubgraph = async (port: number, others: SceneOptions["sections"] = {}) => {
      const started = await startTestSubgraph({
        connections: toConnections(emulator, { callsPerSecond: 100 }),
        sections: {
          server: { port, adminPort: 0, drainSeconds: 0 },
          join:
            wayToJoin === "external" ? { source: "external" } : { directory: { file: directory } },
          ...(gatewayToken !== undefined && {
            auth: { mode: "gateway", gateway: { token: gatewayToken } },
          }),
          ...sections,
          ...others,
        },
      });
      closing.push(() => started.close());
      return started;
    };
    let subgraph = await startSubgraph(0);
    const [, devicesUrl = ""] = await devicesPart.waitFor(/^devices at (\S+)$/m);
    const supergraph = join(folder, "supergraph.graphql");
    await writeFile(
      supergraph,
      await composeSupergraph({ devices: devicesUrl, certificates: subgraph.url }, gatewayToken),
    );
    return {
      emulator,
      startReplica: () => startSubgraph(0),
      stopSubgraph: () => subgraph.close(),
      replaceSubgraph: async (others) => {
        const { port } = new URL(subgraph.url);
        await subgraph.close();
        subgraph = await startSubgraph(Number(port), others);
      },
      certificateIds,
      deviceOfNone,
      deviceOfUnknown,
      supergraph,
      startGateway: async (name, environment) => {
        const gateway = await startGateway(name, supergraph, {
          ...(gatewayToken !== undefined && { GATEWAY_TOKEN: gatewayToken }),
          ...environment,
        });
        closing.push(gateway.close);
        return gateway;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export interface TestGateway {
  ask(
    query: string,
    variables?: Readonly<Record<string, unknown>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<GraphQLAnswer>;
  close(): Promise<void>;
}

async function startGateway(
  name: GatewayName,
  supergraph: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<TestGateway> {
  const { url, close } =
    name === "apollo"
      ? await startApolloGateway(supergraph, environment)
      : await startHiveGateway(supergraph, environment);
  return {
    ask: async (query, variables = {}, headers = {}) => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as GraphQLAnswer;
    },
    close,
  };
}

async function startApolloGateway(supergraph: string, environment: NodeJS.ProcessEnv) {
  const args = ["--supergraph", supergraph, "--port", "0"];
  const part = startPart("apollo-gateway.ts", args, environment);
  const [, url = ""] = await part.waitFor(/^gateway at (\S+)$/m);
  return { url, close: part.close };
}

async function startHiveGateway(supergraph: string, environment: NodeJS.ProcessEnv) {
  const port = await findFreePort();
  const part = startProcess(
    [
      join(ROOT, "node_modules/@graphql-hive/gateway/dist/bin.js"),
      ...["supergraph", supergraph],
      ...["--host", "127.0.0.1"],
      ...["--port", String(port)],
      ...["--config-path", join(ROOT, "examples/supergraph/hive-gateway.config.ts")],
    ],
    environment,
  );
  await part.waitFor(/Listening on http/);
  return { url: `http://127.0.0.1:${port}/graphql`, close: part.close };
}

interface Part {
  /** Waits until it says something that matches; rejects when it ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** Waits for its end, and answers with its exit status and all that it said. */
  readonly ended: Promise<{ readonly code: number | null; readonly said: string }>;
  close(): Promise<void>;
}

/** Starts a program of the example. */
export function startPart(
  name: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Part {
  return startProcess([join(ROOT, "examples/supergraph", name), ...args], environment);
}

function startProcess(args: readonly string[], environment: NodeJS.ProcessEnv): Part {
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], NO_COLOR: "1", ...environment },
  });
  let said = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      for (const listen of listeners) listen();
    });
  const ended = once(child, "close").then(([code]) => ({ code, said }));
  return {
    ended,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const listen = () => {
          const match = pattern.exec(said);
          if (match !== null) resolve(match);
        };
        listen();
        listeners.add(listen);
        void ended.then(({ code }) =>
          reject(new Error(`ended with ${code} before it said ${pattern}: ${said}`)),
        );
      }),
    close: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
