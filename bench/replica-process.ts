// One replica of the subgraph in a process of its own. The configuration comes as JSON.
import "reflect-metadata";
import { createConfigSchema } from "../src/config/index.ts";
import { createLog } from "../src/log.ts";
import { products } from "../src/providers/index.ts";
import { startServer } from "../src/server/server.ts";

const config = createConfigSchema(products).parse(JSON.parse(process.argv[2] ?? "{}"));
const server = await startServer({
  config,
  products,
  log: createLog(process.env["LOG_LEVEL"] ?? "warn"),
});
process.send?.(server.url);
process.on("disconnect", () => void server.close().then(() => process.exit(0)));
