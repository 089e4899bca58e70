// The process: reads the configuration, serves, drains.
import "reflect-metadata";
import { parseArgs } from "node:util";
import { ConfigError, loadConfig } from "./config/index.ts";
import { createLog } from "./log.ts";
import { watchForEnd } from "./process-end.ts";
import { products } from "./providers/index.ts";
import { listTypeNames } from "./schema.ts";
import { startServer } from "./server/server.ts";
import { StartError } from "./start-error.ts";

const USAGE = `Usage: npm start -- --config FILE

Serves device certificates as a GraphQL federation subgraph.

  --config FILE   the configuration (or the variable SUBGRAPH_CONFIG); see docs/configuration.md
  --help          this text

LOG_LEVEL is debug, info (the default), warn, error or silent.
`;

const EXIT_BAD_CONFIGURATION = 2;
/** What the end may take beside the drain and the last answers. */
const SPARE_MS = 10_000;

async function main(): Promise<void> {
  const path = readArguments();
  const config = await loadConfig(path, {
    products,
    takenTypeNames: listTypeNames(),
    env: process.env,
  });
  const log = createLog(process.env["LOG_LEVEL"] ?? "info");
  const end = watchForEnd(log);
  const server = await startServer({ config, products, log, isRehearsing: true });
  const { drainSeconds } = config.server;
  end.drainBy(() => server.drain(), drainSeconds * 1000 + config.answer.withinMs + SPARE_MS);
  // Last: whoever waits for it may send a signal at once.
  log.info({ url: server.url, admin: server.adminUrl }, "ready");
}

function readArguments(): string {
  let values: { config?: string; help?: boolean };
  try {
    ({ values } = parseArgs({
      options: { config: { type: "string" }, help: { type: "boolean" } },
    }));
  } catch (error) {
    return leave(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  return (
    values.config ??
    process.env["SUBGRAPH_CONFIG"] ??
    leave(`Expected a configuration file, got none.\n\n${USAGE}`)
  );
}

function leave(message: string): never {
  process.stderr.write(message);
  process.exit(EXIT_BAD_CONFIGURATION);
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) leave(`${error.message}\n`);
  process.stderr.write(`${describe(error)}\n`);
  process.exit(1);
});

/** What the operating system refuses, a port in use say, is told in its own words; the stack is for our mistakes. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof StartError) return `Cannot start: ${error.message}`;
  return "code" in error && "syscall" in error
    ? `Cannot start: ${error.message}`
    : `${error.stack}`;
}
