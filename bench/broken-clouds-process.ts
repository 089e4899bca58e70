// The subgraph in a process of its own that tells what it holds, for a benchmark that looks for what is left behind.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startOurs } from "./own-server.ts";

/** What the process holds when it was asked. */
export interface Holdings {
  readonly sockets: number;
  readonly timers: number;
  readonly heapMegabytes: number;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

process.on("message", () => {
  collect();
  const resources = process.getActiveResourcesInfo();
  const count = (kind: string) => resources.filter((one) => one.startsWith(kind)).length;
  const holdings: Holdings = {
    sockets: count("TCPSocketWrap"),
    timers: count("Timeout"),
    heapMegabytes: process.memoryUsage().heapUsed / 2 ** 20,
  };
  process.send?.(holdings);
});
process.on("disconnect", () => process.exit(0));
process.send?.(await startOurs(JSON.parse(process.argv[2] ?? "{}")));
