// Replicas of one quota, all in the test's process, in front of a cloud that counts what arrives.
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { CallTicket, type Quota } from "../../src/quota/quota.ts";
import { Replicas } from "../../src/quota/replicas.ts";
import { SharedWindow } from "../../src/quota/shared-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import { SharedRedis } from "../../src/redis.ts";
import { Secret } from "../../src/secret.ts";

/** Counts arrivals on the real clock. */
export class CountingCloud {
  readonly #arrivals: { readonly atMs: number; readonly replica: number }[] = [];
  readonly #oneWayMs: number;

  constructor(oneWayMs: number) {
    this.#oneWayMs = oneWayMs;
  }

  async answer(replica: number): Promise<void> {
    await sleep(this.#oneWayMs * (0.5 + Math.random()));
    this.#arrivals.push({ atMs: performance.now(), replica });
    await sleep(this.#oneWayMs * (0.5 + Math.random()));
  }

  countBetween(fromMs: number, toMs: number): number {
    return this.#arrivals.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).length;
  }

  countsByReplica(fromMs: number): number[] {
    const counts: number[] = [];
    for (const { atMs, replica } of this.#arrivals) {
      if (atMs >= fromMs) counts[replica] = (counts[replica] ?? 0) + 1;
    }
    return counts;
  }

  get mostInAnySecond(): number {
    const times = this.#arrivals.map(({ atMs }) => atMs).sort((one, other) => one - other);
    let first = 0;
    return times.reduce((most, time, index) => {
      while (time - (times[first] ?? time) >= 1000) first += 1;
      return Math.max(most, index - first + 1);
    }, 0);
  }
}

export interface TestReplica {
  readonly quota: Quota;
  readonly replicas: Replicas;
  /** Keeps so many calls waiting until `stop`. */
  load(calls: number): void;
  stop(): void;
  close(): Promise<void>;
}

export interface TestReplicaOptions {
  readonly url: string;
  readonly cloud: CountingCloud;
  readonly callsPerSecond: number;
  /** Its number, by which the cloud tells replicas apart. */
  readonly number: number;
}

export function createTestReplica({
  url,
  cloud,
  callsPerSecond,
  number,
}: TestReplicaOptions): TestReplica {
  const log = pino({ level: "silent" });
  const redis = new SharedRedis({ purpose: "test", url: new Secret(url), keyPrefix: "test:", log });
  const replicas = new Replicas({ redis, log });
  const quota = createThrottle({
    windows: [new SharedWindow(replicas, "Action:account", { callsPerSecond })],
  });
  let isLoaded = false;
  const keepCalling = () => {
    const tickets = [new CallTicket({ deadlineMs: performance.now() + 60_000 })];
    const isNeeded = () => isLoaded;
    quota.run({ tickets, isNeeded, send: () => cloud.answer(number) }).then(
      () => isLoaded && keepCalling(),
      () => {},
    );
  };
  return {
    quota,
    replicas,
    load: (calls) => {
      isLoaded = true;
      for (let n = 0; n < calls; n += 1) keepCalling();
    },
    stop: () => {
      isLoaded = false;
    },
    close: async () => {
      isLoaded = false;
      await replicas.close();
      redis.close();
    },
  };
}

/** Resolves when all replicas count in this way. */
export async function untilMode(
  all: readonly TestReplica[],
  mode: Replicas["mode"],
): Promise<void> {
  await Promise.all(
    all.map(
      ({ replicas }) =>
        new Promise<void>((resolve) => {
          const look = () => {
            if (replicas.mode === mode) resolve();
          };
          replicas.onChange(look);
          look();
        }),
    ),
  );
}
