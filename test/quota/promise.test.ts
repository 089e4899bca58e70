// The promise of the quota under a network with jitter, on a fake clock: never more than the limit, and nearly all of it.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CallTicket, type Quota } from "../../src/quota/quota.ts";
import { SlidingWindow } from "../../src/quota/sliding-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import {
  createRandom,
  type Fate,
  passMs,
  Refused,
  SimulatedCloud,
  useFakeClock,
} from "./simulated-cloud.ts";

// Nothing here waits for the real clock, but a busy machine may take its time.
vi.setConfig({ testTimeout: 120_000 });

const WARM_UP_MS = 5_000;
const MEASURED_MS = 20_000;

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

interface Load {
  stop(): void;
}

/** Keeps calls waiting, as one request for very many devices does. */
function keepBusy(
  quota: Quota,
  cloud: SimulatedCloud,
  depth: number,
  toFate: () => Fate = () => "answer",
): Load {
  let isStopped = false;
  const requester = { deadlineMs: Number.POSITIVE_INFINITY };
  const send = async () => {
    while (!isStopped) {
      await quota
        .run({ send: () => cloud.call(toFate()), tickets: [new CallTicket(requester)] })
        .catch((error: unknown) => {
          if (error instanceof Refused) quota.slowDown(error.sentAtMs, undefined);
        });
    }
  };
  for (let n = 0; n < depth; n += 1) void send();
  return {
    stop: () => {
      isStopped = true;
    },
  };
}

function toDepth(limit: number): number {
  return Math.ceil(limit * 3) + 10;
}

/** The part of what the limit allows that arrived in 20 seconds after the warm-up. */
async function measureUse(cloud: SimulatedCloud, limit: number): Promise<number> {
  await passMs(WARM_UP_MS);
  const start = performance.now();
  await passMs(MEASURED_MS);
  // A limit of 2.5 allows two in any one second, one of 0.5 one in two seconds.
  const allowed = (toSlots(limit) / toWindowMs(limit)) * MEASURED_MS;
  return cloud.countArrived(start, start + MEASURED_MS) / allowed;
}

const toSlots = (limit: number) => Math.max(1, Math.floor(limit));
const toWindowMs = (limit: number) => (limit < 1 ? 1000 / limit : 1000);

const LIMITS = [1, 2.5, 0.5, 10, 20, 300];

describe("a limit, with the cloud 30 ms away, give or take 20", () => {
  it.each(LIMITS)(
    "of %d a second is never exceeded, and nearly all of it is used",
    async (limit) => {
      const cloud = new SimulatedCloud({ seed: limit * 10 });
      const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: limit })] });
      keepBusy(quota, cloud, toDepth(limit));
      expect(await measureUse(cloud, limit)).toBeGreaterThanOrEqual(0.93);
      expect(cloud.mostArrivedIn(toWindowMs(limit))).toBe(toSlots(limit));
    },
  );

  it.each(LIMITS)("of %d a second holds also when calls fail or get no answer", async (limit) => {
    const random = createRandom(7);
    const cloud = new SimulatedCloud({ seed: limit * 10 + 1 });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: limit })] });
    const hanging = 0.03;
    keepBusy(quota, cloud, toDepth(limit), () => {
      const dice = random();
      return dice < hanging ? "hang" : dice < 0.2 ? "fail" : "answer";
    });
    const use = await measureUse(cloud, limit);
    expect(cloud.mostArrivedIn(toWindowMs(limit))).toBe(toSlots(limit));
    // A call that hangs keeps its slot for two seconds more, which nobody can know better.
    const share = 1 / (1 + (hanging * 2_000) / toWindowMs(limit));
    expect(use).toBeGreaterThanOrEqual(0.9 * share);
  });

  it("counts bursts after a pause as well as the load before it", async () => {
    const cloud = new SimulatedCloud({ seed: 3 });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: 10 })] });
    const random = createRandom(11);
    for (let n = 0; n < 40; n += 1) {
      const burst = keepBusy(quota, cloud, 1 + Math.floor(random() * 30));
      await passMs(random() * 1500);
      burst.stop();
      await passMs(random() * 700);
    }
    expect(cloud.mostArrivedIn(1000)).toBe(10);
  });

  it("still holds when the way becomes shorter under full load", async () => {
    const far = new SimulatedCloud({ oneWayMs: 150, jitterMs: 5 });
    const near = new SimulatedCloud({ oneWayMs: 5, jitterMs: 4 });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: 20 })] });
    const load = keepBusy(quota, far, 60);
    await passMs(15_000);
    load.stop();
    keepBusy(quota, near, 60);
    await passMs(10_000);
    // What is on the long way when the route changes arrives late, which nobody can foresee: the next second is right.
    const changedAtMs = near.arrivedAtMs[0] ?? 0;
    near.arrivedAtMs.splice(
      0,
      near.arrivedAtMs.findIndex((ms) => ms > changedAtMs + 1500),
    );
    expect(near.mostArrivedIn(1000)).toBe(20);
  });
});

describe("load that lasts", () => {
  it("uses the limit whole at first, and is spread evenly over the seconds when it goes on", async () => {
    const cloud = new SimulatedCloud({ seed: 300 });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: 300 })] });
    keepBusy(quota, cloud, toDepth(300));
    await passMs(40_000);
    const [firstMs = 0] = cloud.arrivedAtMs;
    const seconds = Array.from({ length: 39 }, (_, second) =>
      cloud.countArrived(firstMs + second * 1000, firstMs + (second + 1) * 1000),
    );
    expect(Math.min(...seconds.slice(0, 5))).toBeGreaterThanOrEqual(298);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(240);
    expect(Math.min(...seconds.slice(22))).toBeGreaterThanOrEqual(270);
  });

  it.each([10, 20])("of %d a second is used evenly as well", async (limit) => {
    const cloud = new SimulatedCloud({ seed: limit });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: limit })] });
    keepBusy(quota, cloud, toDepth(limit));
    await passMs(60_000);
    for (let fromMs = 22_000; fromMs < 50_000; fromMs += 100) {
      const calls = cloud.countArrived(fromMs, fromMs + 10_000);
      expect(calls / (limit * 10)).toBeGreaterThanOrEqual(0.91);
    }
  });

  it("begins anew after a pause: a burst is used again", async () => {
    const cloud = new SimulatedCloud({ seed: 4 });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: 10 })] });
    const load = keepBusy(quota, cloud, 40);
    await passMs(30_000);
    load.stop();
    await passMs(6_000);
    const againAtMs = performance.now();
    keepBusy(quota, cloud, 12);
    await passMs(100);
    expect(cloud.countArrived(againAtMs, againAtMs + 100)).toBeGreaterThanOrEqual(6);
  });
});

describe("a process whose timers come late", () => {
  /** As where the event loop is held up, by up to so long each time. */
  function delayTimers(upToMs: number): typeof setTimeout {
    const onTime = globalThis.setTimeout;
    const random = createRandom(4);
    vi.spyOn(globalThis, "setTimeout").mockImplementation((callback, ms = 0) =>
      onTime(callback, ms + Math.round(random() * upToMs)),
    );
    return onTime;
  }

  afterEach(() => vi.restoreAllMocks());

  // A limiter that counts from timer to timer would lose their lateness with each call: at 300 a second nearly all.
  it.each([10, 20, 300])("by up to 15 ms uses %d a second all the same", async (limit) => {
    const setTimer = delayTimers(15);
    const cloud = new SimulatedCloud({ seed: limit, setTimer });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: limit })] });
    keepBusy(quota, cloud, toDepth(limit));
    expect(await measureUse(cloud, limit)).toBeGreaterThanOrEqual(0.93);
    expect(cloud.mostArrivedIn(1_000)).toBe(limit);
  });

  it("by up to 200 ms sends at once whatever has become free meanwhile", async () => {
    const setTimer = delayTimers(200);
    const cloud = new SimulatedCloud({ seed: 9, setTimer });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: 300 })] });
    keepBusy(quota, cloud, toDepth(300));
    // A slot is late once a round, by half of that on average and less where an answer wakes the throttle.
    expect(await measureUse(cloud, 300)).toBeGreaterThanOrEqual(1 / 1.17);
    expect(cloud.mostArrivedIn(1_000)).toBe(300);
  });
});

describe("two limits at once", () => {
  function createCloudWithTwo(seed: number) {
    const address = new SlidingWindow({ callsPerSecond: 300 });
    const [one, other] = [1, 2].map((n) => ({
      cloud: new SimulatedCloud({ seed: seed + n }),
      quota: createThrottle({ windows: [new SlidingWindow({ callsPerSecond: 500 }), address] }),
    }));
    if (!one || !other) throw new Error("unreachable");
    const all = new SimulatedCloud();
    return {
      one,
      other,
      countTogether: () => {
        all.arrivedAtMs.splice(0);
        all.arrivedAtMs.push(...one.cloud.arrivedAtMs, ...other.cloud.arrivedAtMs);
        all.arrivedAtMs.sort((a, b) => a - b);
        return all;
      },
    };
  }

  it("of an account and of the address that two accounts share both hold", async () => {
    const { one, other, countTogether } = createCloudWithTwo(20);
    keepBusy(one.quota, one.cloud, 1000);
    keepBusy(other.quota, other.cloud, 1000);
    await passMs(WARM_UP_MS + MEASURED_MS);
    const both = countTogether();
    expect(both.mostArrivedIn(1000)).toBe(300);
    const arrived = both.countArrived(WARM_UP_MS, WARM_UP_MS + MEASURED_MS);
    expect(arrived).toBeGreaterThanOrEqual(0.93 * 300 * 20);
  });

  it("are shared evenly by two accounts behind one address", async () => {
    const { one, other } = createCloudWithTwo(30);
    keepBusy(one.quota, one.cloud, 1000);
    keepBusy(other.quota, other.cloud, 1000);
    await passMs(MEASURED_MS);
    const ratio = one.cloud.arrivedAtMs.length / other.cloud.arrivedAtMs.length;
    expect(Math.max(ratio, 1 / ratio)).toBeLessThan(1.3);
  });

  it("let an account with one question pass while another uses the address up", async () => {
    const { one, other } = createCloudWithTwo(40);
    keepBusy(one.quota, one.cloud, 3000);
    await passMs(3_000);
    const startedAtMs = performance.now();
    const requester = { deadlineMs: Number.POSITIVE_INFINITY };
    const answered = other.quota.run({
      send: () => other.cloud.call(),
      tickets: [new CallTicket(requester)],
    });
    let tookMs = Number.POSITIVE_INFINITY;
    void answered.then(() => {
      tookMs = performance.now() - startedAtMs;
    });
    await passMs(2_000);
    expect(tookMs).toBeLessThan(600);
  });
});

describe("others who use a fifth of the same account", () => {
  function addForeignTraffic(cloud: SimulatedCloud, perSecond: number, seed: number): Load {
    const random = createRandom(seed);
    let isStopped = false;
    const arrive = () => {
      if (isStopped) return;
      cloud.takeForeign();
      setTimeout(arrive, Math.round((1000 / perSecond) * 2 * random()));
    };
    arrive();
    return {
      stop: () => {
        isStopped = true;
      },
    };
  }

  it.each([
    [10, 600],
    [20, 600],
    [300, 180],
  ])("make the cloud refuse less than 2 in 100 calls at %d a second", async (limit, seconds) => {
    const cloud = new SimulatedCloud({ seed: limit, takesPerSecond: limit });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: limit })] });
    const foreign = addForeignTraffic(cloud, limit * 0.2, 5);
    const load = keepBusy(quota, cloud, toDepth(limit));
    await passMs(seconds * 1000);
    const arrived = cloud.arrivedAtMs.length;
    expect(cloud.refused / arrived).toBeLessThan(0.02);
    // What the others leave is used.
    expect(arrived / (limit * 0.8 * seconds)).toBeGreaterThan(0.7);

    foreign.stop();
    await passMs(150_000);
    load.stop();
    const end = performance.now();
    expect(cloud.countArrived(end - 20_000, end) / (limit * 20)).toBeGreaterThanOrEqual(0.93);
  });
});

describe("a pause that the cloud asks for", () => {
  it("is kept, and nothing stands still after it", async () => {
    const cloud = new SimulatedCloud();
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: 10 })] });
    keepBusy(quota, cloud, 50);
    await passMs(3_000);
    const pausedAtMs = performance.now();
    quota.slowDown(pausedAtMs, 2_500);
    await passMs(5_000);
    const sentBefore = pausedAtMs + 50;
    expect(cloud.countArrived(sentBefore, pausedAtMs + 2_500)).toBe(0);
    expect(cloud.countArrived(pausedAtMs + 2_500, pausedAtMs + 2_600)).toBeGreaterThan(0);
  });

  it("holds for a quota that was idle, and ends to the millisecond", async () => {
    const cloud = new SimulatedCloud({ oneWayMs: 0, jitterMs: 0 });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: 10 })] });
    quota.slowDown(performance.now(), 1_234);
    const pausedAtMs = performance.now();
    keepBusy(quota, cloud, 1);
    await passMs(2_000);
    expect((cloud.arrivedAtMs[0] ?? 0) - pausedAtMs).toBe(1_234);
  });
});
