// A product with a list call and a single call in front of a cloud on the fake clock, each behind a quota of its own.
import type {
  CertificateReading,
  CertificateRequest,
} from "../../src/device-certificate/product.ts";
import { type CallOrigin, RequestError } from "../../src/errors.ts";
import { createBatchedSource } from "../../src/providers/batched-source.ts";
import { createCaller } from "../../src/providers/caller.ts";
import { Circuit } from "../../src/providers/circuit.ts";
import { createListingMemory } from "../../src/providers/listing-memory.ts";
import { CallTicket, type Requester } from "../../src/quota/quota.ts";
import { SlidingWindow } from "../../src/quota/sliding-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import { elapse } from "../quota/simulated-cloud.ts";
import { createRecordingLog } from "./log.ts";

type Item = { readonly key: string | null };
type Meaning = "or" | "first" | "refuse";

export const origin: CallOrigin = { provider: "cloud-product", connection: "default" };
export const live = (): Requester => ({ deadlineMs: Number.POSITIVE_INFINITY });
const MAX_VALUES = 100;
const ROUND_TRIP_MS = 60;

/** A cloud that holds every key that does not begin with `absent`, and its two calls behind quotas of their own. */
export function createSetup({ callsPerSecond = 20, spellings = 1 } = {}) {
  const lists: { group: string; values: readonly string[]; sentAtMs: number }[] = [];
  const singles: { key: string; sentAtMs: number }[] = [];
  const state = {
    meaning: "or" satisfies Meaning as Meaning,
    /** Makes something else of the items of a list answer. */
    distort: (items: Item[]): Item[] => items,
    /** Thrown in place of list answers, one a call. */
    listErrors: [] as Error[],
    /** Its item cannot be read. */
    broken: "",
    /** The cloud refuses calls with this value. */
    bad: "",
  };
  const log = createRecordingLog();
  const toCaller = () =>
    createCaller({
      quota: createThrottle({ windows: [new SlidingWindow({ callsPerSecond })] }),
      circuit: new Circuit(),
      origin,
      retryWithinMs: 10_000,
    });
  const single = toCaller();
  const find = (key: string) => (key.startsWith("absent") ? [] : [{ key }]);
  const checkValues = (values: readonly string[]) => {
    if (values.includes(state.bad)) throw new RequestError("BAD_USER_INPUT", "a bad value");
  };
  const memory = createListingMemory(origin, log);
  const source = createBatchedSource<Item>({
    single,
    list: toCaller(),
    memory,
    maxValues: MAX_VALUES,
    groupOf: ({ key: [group = ""] }) => group,
    valuesOf: ({ key: [, key = ""] }) =>
      Array.from({ length: spellings }, (_, n) => (n === 0 ? key : `${key}/${n}`)),
    keyOf: ({ key: [, key = ""] }) => key,
    keyOfItem: ({ key }) => key,
    sendList: async (group, values) => {
      lists.push({ group, values, sentAtMs: performance.now() });
      await elapse(ROUND_TRIP_MS);
      const error = state.listErrors.shift();
      if (error) throw error;
      checkValues(values);
      if (state.meaning === "refuse" && values.length > 1) {
        throw new RequestError("BAD_USER_INPUT", "one value only");
      }
      const counting = state.meaning === "first" ? values.slice(0, 1) : values;
      return state.distort(counting.filter((value) => !value.includes("/")).flatMap(find));
    },
    toReading: (item) => {
      if (item.key === state.broken) throw new Error("cannot be read");
      return toReading(item.key ?? "", false);
    },
    fetchOne: async ({ key: [, key = ""], ticket }) =>
      single.call(
        async () => {
          singles.push({ key, sentAtMs: performance.now() });
          await elapse(ROUND_TRIP_MS);
          checkValues([key]);
          return find(key).length > 0 ? toReading(key, true) : null;
        },
        { tickets: [ticket] },
      ),
  });
  return { source, lists, singles, state, memory, log };
}

/** A reading whose facts are the key alone. */
function toReading(key: string, hasDetail: boolean): CertificateReading {
  return { facts: { reportedStatus: "ACTIVE", providerStatus: key } as never, hasDetail };
}

export function toRequests(
  group: string,
  keys: readonly string[],
  requester = live(),
  needsDetail = false,
): CertificateRequest[] {
  return keys.map((key) => ({
    key: [group, key],
    needsDetail,
    ticket: new CallTicket(requester),
  }));
}

export const toKeys = (count: number, prefix = "k") =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** What each promise came to: the key that was read, `null`, or the error's message; `undefined` while it waits. */
export function observe(promises: readonly Promise<CertificateReading | null>[]) {
  const outcomes: (string | null | undefined)[] = promises.map(() => undefined);
  for (const [index, promise] of promises.entries()) {
    promise.then(
      (reading) => {
        outcomes[index] = reading?.facts.providerStatus ?? null;
      },
      (error: Error) => {
        outcomes[index] = error.message;
      },
    );
  }
  return outcomes;
}
