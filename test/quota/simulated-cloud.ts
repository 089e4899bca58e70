// A cloud on the fake clock that counts what arrives in any one second, with a network of its own on the way there and back.
import { setImmediate as nextTurn } from "node:timers/promises";
import { vi } from "vitest";

/** Numbers from 0 to 1 that follow from the seed. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function useFakeClock(): void {
  vi.useFakeTimers({
    toFake: ["performance", "Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
  });
}

/** Moves the fake clock from timer to timer; all promises are settled between two of them. */
export async function passMs(ms: number): Promise<void> {
  const untilMs = performance.now() + ms;
  let isOver = false;
  setTimeout(() => {
    isOver = true;
  }, ms);
  await settlePromises();
  while (!isOver && performance.now() <= untilMs) {
    vi.advanceTimersToNextTimer();
    await settlePromises();
  }
}

/** What is sent waits for a turn of the event loop, what follows its answer for another one. */
const TURNS = 4;

/** Lets everything run that waits for no timer. */
export async function settlePromises(): Promise<void> {
  for (let turns = 0; turns < TURNS; turns += 1) await nextTurn();
}

export interface SimulatedCloudOptions {
  /** Calls that it takes in any one second. By default it takes all, and only counts. */
  readonly takesPerSecond?: number;
  /** The way there, and the way back. */
  readonly oneWayMs?: number;
  /** How far each passage may be from it. */
  readonly jitterMs?: number;
  readonly seed?: number;
  /** For a network that is on time where the process is not. By default the timers of the process. */
  readonly setTimer?: (callback: () => void, ms: number) => void;
}

export type Fate = "answer" | "fail" | "hang";

export class Refused extends Error {
  readonly sentAtMs: number;

  constructor(sentAtMs: number) {
    super("the cloud refuses the call");
    this.sentAtMs = sentAtMs;
  }
}

export class SimulatedCloud {
  /** Of our own calls, in the order of arrival. */
  readonly arrivedAtMs: number[] = [];
  refused = 0;
  /** Of all calls that were taken. */
  readonly #takenAtMs: number[] = [];
  readonly #options: Required<SimulatedCloudOptions>;
  readonly #random: () => number;

  constructor(options: SimulatedCloudOptions = {}) {
    const { takesPerSecond = Number.POSITIVE_INFINITY, oneWayMs = 30 } = options;
    const { jitterMs = 20, seed = 1, setTimer = setTimeout } = options;
    this.#options = { takesPerSecond, oneWayMs, jitterMs, seed, setTimer };
    this.#random = createRandom(seed);
  }

  /** Resolves with the time of sending when the answer is back; one that hangs is given up after two seconds. */
  async call(fate: Fate = "answer"): Promise<number> {
    const sentAtMs = performance.now();
    await this.#travel();
    this.arrivedAtMs.push(performance.now());
    const isTaken = this.takeForeign();
    if (!isTaken) this.refused += 1;
    if (fate === "hang") {
      await elapse(2_000);
      throw new Error("the call was given up");
    }
    await this.#travel();
    if (!isTaken) throw new Refused(sentAtMs);
    if (fate === "fail") throw new Error("the cloud failed");
    return sentAtMs;
  }

  /** A call that somebody else sent arrives. */
  takeForeign(): boolean {
    const now = performance.now();
    while ((this.#takenAtMs[0] ?? now) <= now - 1000) this.#takenAtMs.shift();
    if (this.#takenAtMs.length >= this.#options.takesPerSecond) return false;
    this.#takenAtMs.push(now);
    return true;
  }

  /** The most calls that arrived in any stretch of this length. */
  mostArrivedIn(windowMs: number): number {
    let most = 0;
    let first = 0;
    for (const [last, arrivedAtMs] of this.arrivedAtMs.entries()) {
      while ((this.arrivedAtMs[first] ?? 0) <= arrivedAtMs - windowMs) first += 1;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }

  countArrived(fromMs: number, toMs: number): number {
    return this.arrivedAtMs.filter((ms) => ms >= fromMs && ms < toMs).length;
  }

  /** The longest time within which nothing arrived. */
  findPauseMs(fromMs: number, toMs: number): number {
    const times = this.arrivedAtMs.filter((ms) => ms >= fromMs && ms <= toMs);
    return Math.max(...[...times, toMs].map((ms, index) => ms - (times[index - 1] ?? fromMs)));
  }

  async #travel(): Promise<void> {
    const { oneWayMs, jitterMs, setTimer } = this.#options;
    const ms = oneWayMs + (this.#random() * 2 - 1) * jitterMs;
    if (ms > 0) await new Promise<void>((resolve) => setTimer(resolve, Math.round(ms)));
  }
}

export function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
