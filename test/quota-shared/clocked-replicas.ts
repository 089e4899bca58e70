// Replicas of one quota on the fake clock, in front of a simulated cloud. The scripts run in a real Redis that is told the time.
import { pino } from "pino";
import { vi } from "vitest";
import { CallTicket, type Quota, type Requester } from "../../src/quota/quota.ts";
import { Replicas } from "../../src/quota/replicas.ts";
import { SharedWindow } from "../../src/quota/shared-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import { SharedRedis } from "../../src/redis.ts";
import { Secret } from "../../src/secret.ts";
import { elapse, type SimulatedCloud } from "../quota/simulated-cloud.ts";

/** How long a script takes until its answer is here, on the fake clock. */
const REDIS_ROUND_TRIP_MS = 2;

/** Scripts that are executed in the real Redis now, and whose answers the fake clock must wait for. */
let running = 0;
/** Scripts that were executed. */
let executed = 0;

class ClockedRedis extends SharedRedis {
  override async run(
    script: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    await elapse(REDIS_ROUND_TRIP_MS / 2);
    const ms = performance.now() + 1_000_000;
    const time = [Math.floor(ms / 1000), Math.round((ms % 1000) * 1000)];
    const clocked = script.replaceAll(
      "redis.call('TIME')",
      "{ tonumber(ARGV[#ARGV - 1]), tonumber(ARGV[#ARGV]) }",
    );
    running += 1;
    executed += 1;
    try {
      return await this.client.eval(clocked, keys.length, ...keys, ...args, ...time);
    } finally {
      running -= 1;
    }
  }
}

export function countExecuted(): number {
  return executed;
}

/** Moves the fake clock from timer to timer; everything is settled between two of them, Redis included. */
export async function passMs(ms: number): Promise<void> {
  const untilMs = performance.now() + ms;
  let isOver = false;
  setTimeout(() => {
    isOver = true;
  }, ms);
  await settle();
  while (!isOver && performance.now() <= untilMs) {
    vi.advanceTimersToNextTimer();
    await settle();
  }
}

async function settle(): Promise<void> {
  do {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  } while (running > 0);
}

export interface ClockedReplica {
  readonly quota: Quota;
  readonly replicas: Replicas;
  /** One request for so many certificates. Resolves when all calls are answered. */
  ask(calls: number, requester?: Requester): Promise<void>;
  /** As when the process is killed: nothing is told to anybody, and nothing sent any more. */
  kill(): void;
}

export interface ClockedReplicaOptions {
  readonly url: string;
  readonly cloud: SimulatedCloud;
  readonly callsPerSecond: number;
}

/** Resolves when it counts together with the others. */
export async function startClockedReplica({
  url,
  cloud,
  callsPerSecond,
}: ClockedReplicaOptions): Promise<ClockedReplica> {
  const log = pino({ level: "silent" });
  const redis = new ClockedRedis({
    purpose: "test",
    url: new Secret(url),
    keyPrefix: "test:",
    log,
  });
  await redis.untilUp(5_000);
  const replicas = new Replicas({ redis, log });
  const quota = createThrottle({
    windows: [new SharedWindow(replicas, "Action:account", { callsPerSecond })],
  });
  let isKilled = false;
  const never = new Promise<never>(() => {});
  return {
    quota,
    replicas,
    ask: async (calls, requester = { deadlineMs: Number.POSITIVE_INFINITY }) => {
      await Promise.all(
        Array.from({ length: calls }, () =>
          quota.run({
            tickets: [new CallTicket(requester)],
            send: () => (isKilled ? never : cloud.call()),
          }),
        ),
      );
    },
    kill: () => {
      isKilled = true;
      redis.close();
    },
  };
}
