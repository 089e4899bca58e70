// Four replicas that share a quota through Redis: use, refusals, shares, commands, and what a killed Redis does.
// `npm run bench -- replicas [one-way ms] [jitter ms]`; needs redis-server.
import { setTimeout as sleep } from "node:timers/promises";
import { RunningReplicas } from "./replicas-server.ts";

const [latencyMs = 30, jitterMs = 20] = process.argv.slice(2).map(Number);
const LOOK_EVERY_MS = 20;
const COMMANDS_OVER_MS = 8_000;

await measureOutage();
await measureCommands("aliyun-iot", "QueryDeviceCert", 10);
await measureCommands("aliyun-iot", "QueryDeviceCert", 20);
await measureCommands("aliyun-mqtt", "GetDeviceCredential", 300);
process.exit(0);

async function measureOutage(): Promise<void> {
  const replicas = new RunningReplicas({
    latencyMs,
    jitterMs,
    callsPerSecond: { QueryDeviceCert: 10, GetDeviceCredential: 300 },
  });
  await replicas.start();
  const startedAtMs = performance.now();
  for (const [n, url] of replicas.urls.entries()) {
    void replicas.ask(url, replicas.partOf("aliyun-iot", n));
    void replicas.ask(url, replicas.partOf("aliyun-mqtt", n));
  }
  const pauses = watchPauses(replicas);
  let last = await replicas.readCounts();
  for (let second = 1; second <= 18; second += 1) {
    await sleep(Math.max(0, startedAtMs + second * 1_000 - performance.now()));
    const counts = await replicas.readCounts();
    const cells = ["QueryDeviceCert", "GetDeviceCredential"].map((action) => {
      const { arrived = 0, throttled = 0, maxCallsInAnySecond = 0 } = counts[action] ?? {};
      const more = arrived - (last[action]?.arrived ?? 0);
      return `${action} +${more}, refused ${throttled}, most ${maxCallsInAnySecond}`;
    });
    const shares = await replicas.readShares("GetDeviceCredential");
    console.log(`${second} s: ${cells.join(" | ")} | shares ${shares.join("/")}`);
    last = counts;
    if (second === 8) {
      replicas.killRedis();
      pauses.forget();
      console.log("Redis killed");
    }
    if (second === 11) {
      console.log(`longest pause ${pauses.forget()} ms`);
      await replicas.startRedis();
      console.log("Redis started again, empty");
    }
  }
  console.log(`longest pause after that ${pauses.forget()} ms`);
  await pauses.stop();
  await replicas.close();
}

/** Commands of Redis a granted call, readings shared, with nothing else to do. */
async function measureCommands(
  product: "aliyun-iot" | "aliyun-mqtt",
  action: "QueryDeviceCert" | "GetDeviceCredential",
  limit: number,
): Promise<void> {
  const callsPerSecond = { QueryDeviceCert: 10, GetDeviceCredential: 300, [action]: limit };
  const replicas = new RunningReplicas({ latencyMs, jitterMs, callsPerSecond });
  await replicas.start();
  for (const [n, url] of replicas.urls.entries()) {
    void replicas.ask(url, replicas.partOf(product, n));
  }
  // The look-ups at the start are few, and are no part of what a call costs.
  await sleep(2_000);
  const before = (await replicas.readCounts())[action]?.arrived ?? 0;
  const commands = await replicas.watchCommands();
  await sleep(COMMANDS_OVER_MS);
  const sent = commands.stop();
  const granted = ((await replicas.readCounts())[action]?.arrived ?? 0) - before;
  const used = (granted / limit / (COMMANDS_OVER_MS / 1_000)) * 100;
  console.log(
    `at ${limit} a second: ${(sent / granted).toFixed(2)} commands a granted call, ${used.toFixed(1)} % used`,
  );
  await replicas.close();
}

/** How long nothing arrived of what comes 300 times a second. */
function watchPauses(replicas: RunningReplicas) {
  let arrived = 0;
  let sinceMs = performance.now();
  let longestMs = 0;
  let running: Promise<void> | undefined;
  const look = async () => {
    const now = (await replicas.readCounts())["GetDeviceCredential"]?.arrived ?? 0;
    longestMs = Math.max(longestMs, performance.now() - sinceMs);
    if (now > arrived) sinceMs = performance.now();
    arrived = now;
  };
  const timer = setInterval(() => {
    running = look();
  }, LOOK_EVERY_MS);
  return {
    /** The longest so far. */
    forget: () => {
      const longest = Math.round(longestMs);
      longestMs = 0;
      sinceMs = performance.now();
      return longest;
    },
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
