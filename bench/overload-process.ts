// The subgraph whose overload is measured, in a process of its own. The configuration comes as JSON.
import "reflect-metadata";
import { createConfigSchema } from "../src/config/index.ts";
import { createLog } from "../src/log.ts";
import { products } from "../src/providers/index.ts";
import { startServer } from "../src/server/server.ts";

export interface Listening {
  readonly url: string;
  readonly adminUrl: string;
}

const config = createConfigSchema(products).parse(JSON.parse(process.argv[2] ?? "{}"));
const { url, adminUrl, close } = await startServer({ config, products, log: createLog("warn") });
process.send?.({ url, adminUrl } satisfies Listening);
process.on("disconnect", () => void close().then(() => process.exit(0)));
