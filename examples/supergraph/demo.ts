// `npm run demo`: emulated clouds, this subgraph, the devices' subgraph and a gateway, and one question to all of them.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { composeSupergraph } from "./compose.ts";
import { toDirectoryCsv } from "./directory.ts";

const USAGE = `Usage: npm run demo -- [options]

  --gateway NAME      hive (default) or apollo
  --gateway-port N    4000; 0 for any free one, here and below
  --port N            4001, this subgraph
  --admin-port N      4002, its health and metrics
  --devices-port N    4003, the devices' subgraph
`;

const QUERY = `query Devices {
  devices(first: 5) {
    name
    certificateAvailability
    certificate {
      __typename
      id
      status
      ... on X509DeviceCertificate {
        notAfter
        daysUntilExpiry
      }
    }
  }
}`;

/** From the repository's root. */
const HIVE_GATEWAY = "node_modules/@graphql-hive/gateway/dist/bin.js";
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const READY_WITHIN_MS = 60_000;

const children: ChildProcess[] = [];
/** What else is to end with the demo. */
const closing: (() => Promise<unknown>)[] = [];
let isStopping = false;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      gateway: { type: "string", default: "hive" },
      "gateway-port": { type: "string", default: "4000" },
      port: { type: "string", default: "4001" },
      "admin-port": { type: "string", default: "4002" },
      "devices-port": { type: "string", default: "4003" },
      help: { type: "boolean" },
    },
  });
  const isApollo = values.gateway === "apollo";
  if (values.help || !(isApollo || values.gateway === "hive")) {
    process.stdout.write(USAGE);
    process.exit(values.help ? 0 : 2);
  }
  const gatewayPort = await findPort("gateway-port", values["gateway-port"]);
  const port = await findPort("port", values.port);
  const adminPort = await findPort("admin-port", values["admin-port"]);
  const devicesPort = await findPort("devices-port", values["devices-port"]);
  process.stdout.write("Starting emulated clouds, two subgraphs and a gateway …\n");

  // More than once: npm passes on what the terminal has sent to everybody already.
  process.on("SIGINT", () => void stop());
  process.on("SIGTERM", () => void stop());
  const folder = await mkdtemp(join(tmpdir(), "supergraph-"));
  closing.push(() => rm(folder, { recursive: true }));
  const devicesUrl = `http://127.0.0.1:${devicesPort}/`;
  start("examples/supergraph/devices.ts", "--port", String(devicesPort));
  // Compiled, because it has decorators, which Node does not run.
  const compiled = new URL("../../dist/emulator/demo.js", import.meta.url).href;
  const { startEmulatedSubgraph }: typeof import("../../src/emulator/demo.ts") = await import(
    compiled
  );
  const { emulator, server } = await startEmulatedSubgraph({
    port,
    adminPort,
    authorizationDirectives: !isApollo,
    writeDirectory: async (ids) => {
      const file = join(folder, "directory.csv");
      await writeFile(file, toDirectoryCsv(ids));
      return file;
    },
  });
  closing.push(
    () => server.close(),
    () => emulator.close(),
  );

  await untilReady(devicesUrl);
  const supergraph = join(folder, "supergraph.graphql");
  const subgraphs = { devices: devicesUrl, certificates: server.url };
  await writeFile(supergraph, await composeSupergraph(subgraphs));
  const gatewayUrl = startGateway(isApollo, supergraph, gatewayPort);
  await untilReady(gatewayUrl);

  process.stdout.write(`
  the gateway               ${gatewayUrl}${isApollo ? "" : "  (in a browser: the whole graph)"}
  this subgraph             ${server.url}  (in a browser: GraphiQL)
  its health and metrics    ${server.adminUrl}/readyz and /metrics
  the devices' subgraph     ${devicesUrl}
  the clouds' emulator      ${emulator.controlOrigin}  (faults, calls)

The gateway was asked for five devices and their certificates:

${indent(QUERY)}

and joined this answer from both subgraphs:

${indent(JSON.stringify(await ask(gatewayUrl, QUERY), null, 2))}

Let a cloud fail, and ask for more devices:

    curl -s ${emulator.controlOrigin}/faults -d '{"api":"aliyun-iot","kind":"html502"}'
    curl -s ${gatewayUrl} -H 'content-type: application/json' \\
      -d '{"query":"{ devices(first: 20) { name certificateAvailability certificate { status } } }"}'

Ctrl-C ends everything.
`);
}

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  process.stdout.write("\nStopping.\n");
  for (const child of children) child.kill();
  await Promise.all([...children.map(waitForEnd), ...closing.map((close) => close())]);
  process.exit(0);
}

/** The port that is wanted, or a free one for 0; throws what to do where it is taken. */
async function findPort(option: string, wanted: string): Promise<number> {
  const server = createServer();
  try {
    server.listen(Number(wanted), "127.0.0.1");
    await once(server, "listening");
  } catch {
    throw new Error(
      `Port ${wanted} cannot be had: choose another with --${option} N, or 0 for any free one.`,
    );
  }
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Answers with the address at which it will be. */
function startGateway(isApollo: boolean, supergraph: string, port: number): string {
  if (isApollo) {
    const options = ["--supergraph", supergraph, "--port", String(port)];
    start("examples/supergraph/apollo-gateway.ts", ...options);
    return `http://127.0.0.1:${port}/`;
  }
  const config = "examples/supergraph/hive-gateway.config.ts";
  const options = ["--host", "127.0.0.1", "--port", String(port), "--config-path", config];
  start(HIVE_GATEWAY, "supergraph", supergraph, ...options);
  return `http://127.0.0.1:${port}/graphql`;
}

/** Starts a program of Node from the repository's root; when it ends too early, so does the demo. */
function start(...args: readonly string[]): void {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    // What Node compiled is kept for the next start.
    env: { NODE_COMPILE_CACHE: join(ROOT, "node_modules/.cache/compile"), ...process.env },
  });
  children.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      said += text.toString();
    });
  }
  child.once("exit", (code, signal) => {
    if (isStopping) return;
    process.stderr.write(`${args[0]} ended with ${signal ?? `status ${code}`}:\n${said}`);
    process.exit(1);
  });
}

async function waitForEnd(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function untilReady(url: string): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      await ask(url, "{ __typename }");
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

async function ask(url: string, query: string): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

function indent(text: string): string {
  return text.replace(/^/gm, "    ");
}

// Whatever ends the demo, nothing of it stays.
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
main().catch((error: unknown) => {
  if (isStopping) return;
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
});
