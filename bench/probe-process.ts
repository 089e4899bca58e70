// Asks for health again and again until it is told to stop, each time on a new connection, as an orchestrator does.
// Argument: where. In a process of its own, so that nothing but the server makes it wait.
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds of each answer, by path. */
export type ProbeResult = Readonly<Record<(typeof PATHS)[number], readonly number[]>>;

const PATHS = ["/livez", "/readyz"] as const;
const EVERY_MS = 10;

const [, , origin = ""] = process.argv;
const tookMs: Record<(typeof PATHS)[number], number[]> = { "/livez": [], "/readyz": [] };
let isOver = false;
process.once("message", () => {
  isOver = true;
});
while (!isOver) {
  for (const path of PATHS) {
    await ask(path);
    await sleep(EVERY_MS);
  }
}
process.send?.(tookMs satisfies ProbeResult, () => process.exit(0));

async function ask(path: (typeof PATHS)[number]): Promise<void> {
  const startedAt = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  get(`${origin}${path}`, { agent: false }, (response) => {
    if (response.statusCode !== 200) reject(new Error(`${path} answered ${response.statusCode}`));
    response.resume().on("end", resolve);
  }).on("error", reject);
  await promise;
  tookMs[path].push(performance.now() - startedAt);
}
