// This subgraph as it runs in production, for benchmarks that compare it.
import "reflect-metadata";
import { createConfigSchema } from "../src/config/index.ts";
import { createLog } from "../src/log.ts";
import { products } from "../src/providers/index.ts";
import { startServer } from "../src/server/server.ts";

/** Gives the address of GraphQL. `config` as in the file. */
export async function startOurs(config: unknown): Promise<string> {
  const parsed = createConfigSchema(products).parse(config);
  const log = createLog("warn");
  const { url, rehearsed } = await startServer({
    config: parsed,
    products,
    log,
    isRehearsing: true,
  });
  // Only then the start is over.
  await rehearsed;
  return url;
}
