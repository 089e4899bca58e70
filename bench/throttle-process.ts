// One process that calls the counting cloud as fast as its limiter lets it, at three limits at the same time.
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import Bottleneck from "bottleneck";
import { Redis } from "ioredis";
import pThrottle from "p-throttle";
import { RateLimiterMemory, RateLimiterQueue, RateLimiterRedis } from "rate-limiter-flexible";
import { createLog } from "../src/log.ts";
import { CallTicket } from "../src/quota/quota.ts";
import { Replicas } from "../src/quota/replicas.ts";
import { SharedWindow } from "../src/quota/shared-window.ts";
import { SlidingWindow } from "../src/quota/sliding-window.ts";
import { createThrottle } from "../src/quota/throttle.ts";
import { SharedRedis } from "../src/redis.ts";
import { Secret } from "../src/secret.ts";

export const LIMITS = [10, 20, 300] as const;
export type LimiterName =
  | "ours"
  | "bottleneck"
  | "p-throttle"
  | "rate-limiter-flexible"
  | "naive loop";

export interface Work {
  readonly limiter: LimiterName;
  readonly replica: number;
  readonly processes: number;
  readonly seconds: number;
  readonly cloudPort: number;
  readonly redisPort: number;
}

/** Makes the call when it may be made. */
type Limited = (call: () => Promise<void>) => Promise<void>;

let replicas: Replicas | undefined;

if (process.send !== undefined) await main(JSON.parse(process.argv[2] ?? "{}"));

async function main(work: Work): Promise<void> {
  const { seconds, replica, cloudPort } = work;
  const agent = new Agent({ keepAlive: true, maxSockets: 400 });
  const limiters = LIMITS.map((limit) => ({ limit, limited: createLimiter(work, limit) }));
  // Until replicas count together, and what they take first has rested.
  await sleep(3_000);
  process.on("message", () => {
    for (const { limit, limited } of limiters) {
      const calls = limit * (seconds + 2);
      for (let n = 0; n < calls; n += 1) {
        limited(() => call(agent, cloudPort, `/${limit}/${replica}`)).catch(() => {});
      }
    }
  });
  process.send?.("ready");
}

function createLimiter(work: Work, limit: number): Limited {
  switch (work.limiter) {
    case "ours":
      return createOurs(work, limit);
    case "bottleneck":
      return createBottleneck(work, limit);
    case "p-throttle": {
      // It has no clustering: each process takes its part.
      const part = limit / work.processes;
      const throttle = pThrottle({
        limit: Math.ceil(part),
        interval: (1_000 * Math.ceil(part)) / part,
        strict: true,
      });
      return throttle((call: () => Promise<void>) => call());
    }
    case "rate-limiter-flexible":
      return createFlexible(work, limit);
    case "naive loop":
      return createNaive(limit / work.processes);
  }
}

function createOurs({ processes, redisPort }: Work, limit: number): Limited {
  const quota = createThrottle({
    windows: [
      processes === 1
        ? new SlidingWindow({ callsPerSecond: limit })
        : new SharedWindow(findReplicas(redisPort), `bench:${limit}`, { callsPerSecond: limit }),
    ],
  });
  const requester = { deadlineMs: Number.POSITIVE_INFINITY };
  return (call) => quota.run({ send: call, tickets: [new CallTicket(requester)] });
}

/** One a process, as in the server. */
function findReplicas(redisPort: number): Replicas {
  if (replicas !== undefined) return replicas;
  const log = createLog("silent");
  const url = new Secret(`redis://127.0.0.1:${redisPort}`);
  replicas = new Replicas({
    redis: new SharedRedis({ url, purpose: "bench", keyPrefix: "ours:", log }),
    log,
  });
  return replicas;
}

function createBottleneck({ processes, redisPort }: Work, limit: number): Limited {
  const limiter = new Bottleneck({
    minTime: 1_000 / limit,
    id: `bench-${limit}`,
    ...(processes > 1 && {
      datastore: "ioredis",
      Redis,
      clientOptions: { host: "127.0.0.1", port: redisPort },
    }),
  });
  limiter.on("error", () => {});
  return (call) => limiter.schedule(call);
}

function createFlexible({ processes, redisPort }: Work, limit: number): Limited {
  const options = { points: limit, duration: 1, keyPrefix: `flexible-${limit}` };
  const limiter =
    processes === 1
      ? new RateLimiterMemory(options)
      : new RateLimiterRedis({ ...options, storeClient: new Redis(redisPort, "127.0.0.1") });
  const queue = new RateLimiterQueue(limiter, { maxQueueSize: 100_000 });
  return async (call) => {
    await queue.removeTokens(1, "all");
    await call();
  };
}

/** A second's calls at once, then a second's wait. */
function createNaive(perSecond: number): Limited {
  const startedAtMs = performance.now();
  let calls = 0;
  let firstAtMs = startedAtMs;
  return async (call) => {
    if (calls === 0) firstAtMs = performance.now();
    const turn = Math.floor(calls / perSecond);
    calls += 1;
    await sleep(Math.max(0, firstAtMs + turn * 1_000 - performance.now()));
    await call();
  };
}

function call(agent: Agent, port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: "127.0.0.1", port, path }, (response) => {
      response.resume().once("end", resolve);
    });
    sent.once("error", reject);
    sent.end();
  });
}
