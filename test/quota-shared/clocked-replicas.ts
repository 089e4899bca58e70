// Replicas of one quota on the fake clock, in front of simulated clouds. Their scripts run in a real Redis that is told the time.
import { pino } from "pino";
import { afterEach, beforeEach, vi } from "vitest";
import { CallTicket, type Quota, type Requester } from "../../src/quota/quota.ts";
import { type CountingMode, Replicas } from "../../src/quota/replicas.ts";
import { SharedWindow } from "../../src/quota/shared-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import { SharedRedis, type SharedRedisOptions, SlowRedisError } from "../../src/redis.ts";
import { Secret } from "../../src/secret.ts";
import { elapse, SimulatedCloud, useFakeClock } from "../quota/simulated-cloud.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

/** How long a script takes until its answer is here, and how long one that hangs is waited for. */
const SCRIPT_MS = 2;
const TIMEOUT_MS = 250;

/** A world for each test of a file, on the fake clock. */
export function openWorldForEachTest(): () => ClockedWorld {
  // Nothing here waits for the real clock, but a busy machine may take its time.
  vi.setConfig({ testTimeout: 120_000 });
  let world: ClockedWorld;
  beforeEach(async () => {
    world = await ClockedWorld.open();
    useFakeClock();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await world.close();
  });
  return () => world;
}

/** Redis as replicas reach it, in a world whose time passes only when it is told to. */
export class ClockedWorld {
  readonly clouds: SimulatedCloud[] = [];
  readonly #redis: TestRedis;
  readonly #connections: ClockedRedis[] = [];
  /** Commands that the real Redis executes now: the fake clock must wait for them. */
  #running = 0;
  #executed = 0;
  isHanging = false;

  constructor(redis: TestRedis) {
    this.#redis = redis;
  }

  static async open(): Promise<ClockedWorld> {
    return new ClockedWorld(await startRedis());
  }

  get url(): string {
    return this.#redis.url;
  }

  /** Commands that replicas have sent so far. */
  get executed(): number {
    return this.#executed;
  }

  async run<T>(command: () => Promise<T>): Promise<T> {
    this.#running += 1;
    this.#executed += 1;
    try {
      return await command();
    } finally {
      this.#running -= 1;
    }
  }

  /** Resolves when it counts together with the others, unless Redis is away. */
  async start(callsPerSecond: number): Promise<ClockedReplica> {
    const cloud = new SimulatedCloud({ seed: this.clouds.length + 1 });
    this.clouds.push(cloud);
    const log = pino({ level: "silent" });
    const url = new Secret(this.#redis.url);
    const redis = new ClockedRedis({ purpose: "test", url, keyPrefix: "test:", log }, this);
    this.#connections.push(redis);
    const replicas = new Replicas({ redis, log });
    const window = new SharedWindow(replicas, "Action:account", { callsPerSecond });
    await this.pass(100);
    return createClockedReplica(replicas, window, cloud);
  }

  async startAll(count: number, callsPerSecond: number): Promise<ClockedReplica[]> {
    const started: ClockedReplica[] = [];
    for (let n = 0; n < count; n += 1) started.push(await this.start(callsPerSecond));
    // Until all count together, and the first slots have rested.
    await this.pass(3_000);
    return started;
  }

  /** Moves the fake clock from timer to timer; everything is settled between two of them, Redis included. */
  async pass(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    let isOver = false;
    setTimeout(() => {
      isOver = true;
    }, ms);
    await this.#settle();
    while (!isOver && performance.now() <= untilMs) {
      vi.advanceTimersToNextTimer();
      await this.#settle();
    }
  }

  async killRedis(): Promise<void> {
    await this.#redis.kill();
    while (this.#connections.some(({ isUp }) => isUp)) await turn();
  }

  /** Empty, and another process than before. */
  async restartRedis(): Promise<void> {
    await this.#redis.restart();
  }

  /** What arrived from all replicas, as one cloud counts it. */
  get arrived(): SimulatedCloud {
    const all = new SimulatedCloud();
    all.arrivedAtMs.push(...this.clouds.flatMap(({ arrivedAtMs }) => arrivedAtMs));
    all.arrivedAtMs.sort((one, other) => one - other);
    return all;
  }

  /** How many calls of each replica arrived. */
  countEach(fromMs: number, toMs: number): number[] {
    return this.clouds.map((cloud) => cloud.countArrived(fromMs, toMs));
  }

  async close(): Promise<void> {
    for (const redis of this.#connections) redis.close();
    await this.#redis.close();
  }

  async #settle(): Promise<void> {
    do await turn();
    while (this.#running > 0 || this.#connections.some(({ isBusy }) => isBusy));
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

class ClockedRedis extends SharedRedis {
  readonly #world: ClockedWorld;

  constructor(options: SharedRedisOptions, world: ClockedWorld) {
    super(options);
    this.#world = world;
  }

  /** Whether the network must be waited for. */
  get isBusy(): boolean {
    const { status } = this.client;
    return status === "connecting" || status === "connect";
  }

  override fetchRunId(): Promise<string> {
    return this.#world.run(() => super.fetchRunId());
  }

  override async run(
    script: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    await elapse(this.#world.isHanging ? TIMEOUT_MS : SCRIPT_MS);
    if (this.#world.isHanging) throw new SlowRedisError();
    const ms = performance.now() + 1_000_000;
    const time = [Math.floor(ms / 1000), Math.round((ms % 1000) * 1000)];
    const clocked = script.replaceAll(
      "redis.call('TIME')",
      "{ tonumber(ARGV[#ARGV - 1]), tonumber(ARGV[#ARGV]) }",
    );
    return this.#world.run(() => this.client.eval(clocked, keys.length, ...keys, ...args, ...time));
  }
}

export function toModes(replicas: readonly ClockedReplica[]): CountingMode[] {
  return replicas.map(({ replicas: { mode } }) => mode);
}

export interface ClockedReplica {
  readonly quota: Quota;
  readonly replicas: Replicas;
  /** One request for so many certificates, a ticket for each; what the cloud refuses is asked for again. */
  ask(calls: number): CallTicket[];
  /** How long a question for one certificate takes, to be read when it is answered. */
  askOne(): Promise<number>;
  /** As when the process is killed: nothing is told to anybody, and nothing sent any more. */
  kill(): void;
  /** In order. */
  leave(): Promise<void>;
}

function createClockedReplica(
  replicas: Replicas,
  window: SharedWindow,
  cloud: SimulatedCloud,
): ClockedReplica {
  const quota = createThrottle({ windows: [window], maxWaiting: 100_000 });
  let isKilled = false;
  const never = new Promise<never>(() => {});
  const send = () => (isKilled ? never : cloud.call());
  const createRequester = (): Requester => ({ deadlineMs: Number.POSITIVE_INFINITY });
  return {
    quota,
    replicas,
    ask: (calls) => {
      const requester = createRequester();
      return Array.from({ length: calls }, () => {
        const ticket = new CallTicket(requester);
        void quota.run({ tickets: [ticket], send });
        return ticket;
      });
    },
    askOne: async () => {
      const askedAtMs = performance.now();
      await quota.run({ tickets: [new CallTicket(createRequester())], send });
      return performance.now() - askedAtMs;
    },
    kill: () => {
      isKilled = true;
      replicas.redis.close();
    },
    leave: async () => {
      isKilled = true;
      await replicas.close();
    },
  };
}
