import "reflect-metadata";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CertificateReference } from "../../src/device-certificate/certificate-id.ts";
import type {
  CertificateReading,
  CertificateRequest,
} from "../../src/device-certificate/product.ts";
import { ProviderError, RequestError } from "../../src/errors.ts";
import { aliyunIot } from "../../src/providers/aliyun/iot/index.ts";
import { NotNeededError, type QueuePlace, type Requester } from "../../src/quota/quota.ts";
import { CertificateCache } from "../../src/retrieval/certificate-cache.ts";
import { Retrieval, type Retrieved } from "../../src/retrieval/retrieval.ts";
import { createRecordingLog } from "../providers/log.ts";
import { passMs, settlePromises, useFakeClock } from "../quota/simulated-cloud.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

const FRESH_SECONDS = 100;
const origin = { provider: "aliyun-iot", connection: "default" };
const unavailable = new ProviderError("PROVIDER_UNAVAILABLE", { origin, message: "down" });

interface Fetched {
  readonly request: CertificateRequest;
  readonly joined: Requester[];
  answer(reading: CertificateReading | null): void;
  fail(error: Error): void;
}

/** A product whose calls wait, for so long, until a test answers them. */
function createSetup({ estimateMs = 500 } = {}) {
  const fetched: Fetched[] = [];
  const fetch = (requests: readonly CertificateRequest[]) =>
    requests.map((request) => {
      const { promise, resolve, reject } = Promise.withResolvers<CertificateReading | null>();
      const joined: Requester[] = [];
      const place: QueuePlace = {
        join: (requester) => joined.push(requester),
        estimateWaitMs: () => estimateMs,
        leaveUnneeded: () => {
          request.ticket.leave(place);
          reject(new NotNeededError());
        },
      };
      request.ticket.moveTo(place);
      fetched.push({ request, joined, answer: resolve, fail: reject });
      return promise;
    });
  const source = { fetch, isFailing: false };
  const connected = { product: aliyunIot, connection: "default", source };
  const seconds = FRESH_SECONDS;
  const cache = new CertificateCache({
    maxEntries: 1000,
    staleSeconds: 1000,
    freshSeconds: {
      active: seconds,
      inactive: seconds,
      pending: seconds,
      expired: seconds,
      revoked: seconds,
      failed: seconds,
      notFound: seconds,
    },
  });
  const log = createRecordingLog();
  const retrieval = new Retrieval({ cache, log });
  const toLookup = (key: string, needsDetail = false) => {
    const reference: CertificateReference = { id: key, connected, key: [key], canonicalId: key };
    return { reference, needsDetail };
  };
  const load = (
    keys: readonly string[],
    withinMs = 1_000,
    needsDetail = false,
    signal?: AbortSignal,
  ) => {
    const requester = { deadlineMs: performance.now() + withinMs, signal };
    const lookups = keys.map((key) => toLookup(key, needsDetail));
    return observe(retrieval.load(lookups, requester));
  };
  return { retrieval, fetched, load, toLookup, log, source };
}

function toReading(name: string, hasDetail = true): CertificateReading {
  return { facts: { reportedStatus: "ACTIVE", providerStatus: name } as never, hasDetail };
}

type Outcome =
  | { readonly name: string | null; readonly stale: boolean }
  | { readonly error: Error }
  | undefined;

/** What each promise came to so far. */
function observe(promises: readonly Promise<Retrieved>[]): Outcome[] {
  const outcomes: Outcome[] = promises.map(() => undefined);
  for (const [index, promise] of promises.entries()) {
    promise.then(
      ({ facts, stale }) => {
        outcomes[index] = { name: facts?.providerStatus ?? null, stale };
      },
      (error: Error) => {
        outcomes[index] = { error };
      },
    );
  }
  return outcomes;
}

function toExtensions(outcome: Outcome) {
  if (outcome === undefined || !("error" in outcome)) throw new Error("expected an error");
  return outcome.error instanceof ProviderError ? outcome.error.extensions : undefined;
}

describe("a certificate that is asked for", () => {
  it("is answered as soon as its own call is, whatever becomes of the others", async () => {
    const { fetched, load } = createSetup();
    const outcomes = load(["a", "b", "c", "d"]);
    fetched[1]?.answer(toReading("b"));
    fetched[2]?.answer(null);
    fetched[3]?.fail(unavailable);
    await settlePromises();
    expect(outcomes).toEqual([
      undefined,
      { name: "b", stale: false },
      { name: null, stale: false },
      { error: unavailable },
    ]);
    await passMs(1_100);
  });

  it("is read once for all who ask meanwhile, and each of them gives it a turn", async () => {
    const { fetched, load } = createSetup();
    const all = Array.from({ length: 50 }, () => load(["a", "b"]));
    expect(fetched).toHaveLength(2);
    expect(fetched.map(({ joined }) => joined.length)).toEqual([49, 49]);
    expect(fetched[0]?.request.ticket.requesters).toHaveLength(50);
    for (const [index, { answer }] of fetched.entries()) answer(toReading(`${index}`));
    await settlePromises();
    for (const outcomes of all) {
      expect(outcomes).toEqual([
        { name: "0", stale: false },
        { name: "1", stale: false },
      ]);
    }
  });

  it("is read once when one question asks for it twice", () => {
    const { fetched, retrieval, toLookup } = createSetup();
    const requester = { deadlineMs: performance.now() + 1_000 };
    observe(retrieval.load([toLookup("a"), toLookup("a", true), toLookup("a")], requester));
    expect(fetched.map(({ request }) => request.needsDetail)).toEqual([true]);
    fetched[0]?.answer(null);
  });

  it("is not asked for again while it is fresh, nor when there is none", async () => {
    const { fetched, load } = createSetup();
    load(["a", "b"]);
    fetched[0]?.answer(toReading("a"));
    fetched[1]?.answer(null);
    await passMs(FRESH_SECONDS * 1000 - 100);
    const outcomes = load(["a", "b"]);
    await settlePromises();
    expect(outcomes).toEqual([
      { name: "a", stale: false },
      { name: null, stale: false },
    ]);
    expect(fetched).toHaveLength(2);
  });

  it("keeps the details that one call brought when another one without them comes later", async () => {
    const { fetched, load } = createSetup();
    load(["a"]);
    load(["a"], 1_000, true);
    expect(fetched).toHaveLength(2);
    fetched[1]?.answer(toReading("with details", true));
    await settlePromises();
    fetched[0]?.answer(toReading("without", false));
    await settlePromises();
    const outcomes = load(["a"], 1_000, true);
    await settlePromises();
    expect(fetched).toHaveLength(2);
    expect(outcomes).toEqual([{ name: "with details", stale: false }]);
  });
});

describe("at the deadline", () => {
  it("what is missing has an error that says when to ask again", async () => {
    const { fetched, load } = createSetup({ estimateMs: 1_300 });
    const outcomes = load(["waiting", "sent", "there"]);
    fetched[1]?.request.ticket.moveTo(undefined);
    fetched[2]?.answer(toReading("there"));
    await passMs(999);
    expect(outcomes).toEqual([undefined, undefined, { name: "there", stale: false }]);
    await passMs(2);
    expect(toExtensions(outcomes[0])).toEqual({
      ...origin,
      code: "PROVIDER_THROTTLED",
      retryAfterMs: 1_300,
    });
    expect(toExtensions(outcomes[1])).toEqual({
      ...origin,
      code: "PROVIDER_TIMEOUT",
      retryAfterMs: 1_000,
    });
  });

  it("the work goes on into the cache, and the next one who asks joins it", async () => {
    const { fetched, load } = createSetup();
    load(["a", "b"]);
    await passMs(1_100);
    fetched[0]?.answer(toReading("a"));
    await settlePromises();
    const outcomes = load(["a", "b"]);
    await settlePromises();
    expect(outcomes).toEqual([{ name: "a", stale: false }, undefined]);
    expect(fetched).toHaveLength(2);
    expect(fetched[1]?.joined).toHaveLength(1);
    fetched[1]?.answer(toReading("b"));
    await settlePromises();
    expect(outcomes[1]).toEqual({ name: "b", stale: false });
  });

  it("a failure that comes after it disturbs nobody, and is not remembered", async () => {
    const { fetched, load, log } = createSetup();
    load(["a"]);
    await passMs(1_100);
    fetched[0]?.fail(unavailable);
    await settlePromises();
    expect(log.entries).toEqual([]);
    load(["a"]);
    expect(fetched).toHaveLength(2);
    await passMs(1_100);
  });

  it("no timer is left when everything was answered before", async () => {
    const { fetched, load } = createSetup();
    load(["a"]);
    fetched[0]?.answer(null);
    await settlePromises();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("when the client goes away", () => {
  it("what was not sent is not sent, what was sent goes on into the cache", async () => {
    const { fetched, load, log } = createSetup();
    const client = new AbortController();
    const outcomes = load(["waiting", "sent"], 1_000, false, client.signal);
    fetched[1]?.request.ticket.moveTo(undefined);
    client.abort();
    await settlePromises();
    expect(outcomes.map(toExtensions)).toMatchObject([
      { code: "PROVIDER_TIMEOUT" },
      { code: "PROVIDER_TIMEOUT" },
    ]);
    expect(vi.getTimerCount()).toBe(0);
    fetched[1]?.answer(toReading("sent"));
    await settlePromises();
    const next = load(["waiting", "sent"]);
    await settlePromises();
    expect(next).toEqual([undefined, { name: "sent", stale: false }]);
    expect(fetched).toHaveLength(3);
    fetched[2]?.answer(null);
    expect(log.entries).toEqual([]);
  });

  it("what somebody else waits for as well stays where it is", async () => {
    const { fetched, load } = createSetup();
    const client = new AbortController();
    load(["a", "b"], 1_000, false, client.signal);
    const other = load(["b"]);
    client.abort();
    await settlePromises();
    expect(fetched.map(({ request }) => request.ticket.isSent)).toEqual([true, false]);
    fetched[1]?.answer(toReading("b"));
    await settlePromises();
    expect(other).toEqual([{ name: "b", stale: false }]);
    expect(fetched).toHaveLength(2);
  });

  it("before its question is even looked at, nothing is asked for", async () => {
    const { fetched, load } = createSetup();
    load(["a"], 1_000, false, AbortSignal.abort());
    await settlePromises();
    expect(fetched[0]?.request.ticket.isWanted).toBe(false);
    expect(fetched[0]?.request.ticket.isSent).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("somebody who asks in the very moment in which a call leaves the queue gets an answer all the same", async () => {
    const { fetched, load } = createSetup();
    const client = new AbortController();
    load(["a"], 1_000, false, client.signal);
    // As a list call does that drops at its turn what is wanted no more.
    const other = load(["a"]);
    fetched[0]?.fail(new NotNeededError());
    await settlePromises();
    expect(fetched).toHaveLength(2);
    fetched[1]?.answer(toReading("a"));
    await settlePromises();
    expect(other).toEqual([{ name: "a", stale: false }]);
  });
});

describe("a question that has no hope", () => {
  it("is answered at once, and its calls are made all the same", async () => {
    const { fetched, load } = createSetup({ estimateMs: 5_000 });
    const outcomes = load(["a", "b"]);
    await settlePromises();
    expect(outcomes.map(toExtensions)).toMatchObject([
      { code: "PROVIDER_THROTTLED", retryAfterMs: 5_000 },
      { code: "PROVIDER_THROTTLED", retryAfterMs: 5_000 },
    ]);
    expect(fetched).toHaveLength(2);
  });

  it("is not one whose answer may just be there in time", async () => {
    const { load } = createSetup({ estimateMs: 1_200 });
    const outcomes = load(["a"]);
    await passMs(900);
    expect(outcomes).toEqual([undefined]);
    await passMs(200);
  });

  it("has at once what is there, and what is stale", async () => {
    const { fetched, load } = createSetup({ estimateMs: 5_000 });
    load(["a", "b"], 10_000);
    fetched[0]?.answer(toReading("a"));
    await passMs((FRESH_SECONDS + 1) * 1000);
    const outcomes = load(["a", "b"]);
    await settlePromises();
    expect(outcomes[0]).toEqual({ name: "a", stale: true });
    expect(toExtensions(outcomes[1])).toMatchObject({ code: "PROVIDER_THROTTLED" });
  });
});

describe("a stale value", () => {
  async function createStale() {
    const setup = createSetup();
    setup.load(["a"]);
    setup.fetched[0]?.answer(toReading("old"));
    await passMs((FRESH_SECONDS + 1) * 1000);
    return setup;
  }

  it("waits for a fresh one until the deadline, then beats the error", async () => {
    const { fetched, load } = await createStale();
    const outcomes = load(["a"]);
    await passMs(900);
    expect(outcomes).toEqual([undefined]);
    await passMs(200);
    expect(outcomes).toEqual([{ name: "old", stale: true }]);
    fetched[1]?.answer(toReading("new"));
    await settlePromises();
    const next = load(["a"]);
    await settlePromises();
    expect(next).toEqual([{ name: "new", stale: false }]);
  });

  it("beats a failure of the cloud, at once", async () => {
    const { fetched, load } = await createStale();
    const outcomes = load(["a"]);
    fetched[1]?.fail(unavailable);
    await settlePromises();
    expect(outcomes).toEqual([{ name: "old", stale: true }]);
  });

  it("is served at once while the cloud fails, and what finds out whether it is back goes on", async () => {
    const { fetched, load, source } = await createStale();
    source.isFailing = true;
    const outcomes = load(["a", "b"]);
    await settlePromises();
    expect(outcomes).toEqual([{ name: "old", stale: true }, undefined]);
    fetched[1]?.answer(toReading("new"));
    fetched[2]?.answer(null);
    await settlePromises();
    const next = load(["a"]);
    await settlePromises();
    expect(next).toEqual([{ name: "new", stale: false }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is served when the cloud begins to fail while it is waited for", async () => {
    const { load, source } = await createStale();
    const outcomes = load(["a"]);
    await passMs(300);
    source.isFailing = true;
    await passMs(300);
    expect(outcomes).toEqual([{ name: "old", stale: true }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not hide what the caller did wrong", async () => {
    const { fetched, load } = await createStale();
    const outcomes = load(["a"]);
    const error = new RequestError("BAD_USER_INPUT", "no");
    fetched[1]?.fail(error);
    await settlePromises();
    expect(outcomes).toEqual([{ error }]);
  });
});

describe("a defect of ours", () => {
  it("is logged once, and passed on as it is", async () => {
    const { fetched, load, log } = createSetup();
    const all = [load(["a"]), load(["a"])];
    const error = new TypeError("a defect");
    fetched[0]?.fail(error);
    await settlePromises();
    expect(all).toEqual([[{ error }], [{ error }]]);
    expect(log.entries).toHaveLength(1);
  });
});

describe("the cost", () => {
  it("of 1,000 certificates for 20 who ask at once stays below a second and a half of work", async () => {
    const { fetched, load } = createSetup({ estimateMs: 900 });
    const keys = Array.from({ length: 1_000 }, (_, n) => `k${n}`);
    const before = process.cpuUsage();
    const all = Array.from({ length: 20 }, () => load(keys));
    for (const { answer } of fetched.slice(0, 500)) answer(toReading("x"));
    await passMs(1_100);
    const { user, system } = process.cpuUsage(before);
    expect(all.every((outcomes) => outcomes.every((outcome) => outcome !== undefined))).toBe(true);
    expect((user + system) / 1000).toBeLessThan(1_500);
  });
});
