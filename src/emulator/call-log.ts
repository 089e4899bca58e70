// What arrived at the emulated clouds: the evidence that a quota was never exceeded.
import type { ApiName } from "./api.ts";
import { createSlidingWindow, type SlidingWindow } from "./quota-window.ts";

/** How a call ended: served, refused with a vendor's code, or lost in a fault of the transport. */
export type CallOutcome = "granted" | "refused" | "faulted";

export interface CallCounts {
  /** All that arrived, those still unanswered included. */
  readonly arrived: number;
  readonly granted: number;
  /** Answered with an error, throttled ones included. */
  readonly refused: number;
  /** Refused by a quota. */
  readonly throttled: number;
  readonly faulted: number;
  /** The most calls that arrived within any one second, whatever became of them. */
  readonly maxCallsInAnySecond: number;
  /** By vendor code. */
  readonly codes: Readonly<Record<string, number>>;
}

export interface LoggedCall {
  readonly api: ApiName;
  readonly action: string;
  readonly arrivedAtMs: number;
  /** The request's query and body: what a batch asked for. */
  readonly query: string;
  readonly body: string;
}

export interface CallLog {
  of(api: ApiName, action: string): CallCounts;
  /** 0 for actions that were never called. */
  maxCallsInAnySecond(api: ApiName, action: string): number;
  /** The last calls, oldest first, 1000 at most. */
  recent(): readonly LoggedCall[];
  /** Everything, by API and action. */
  toJson(): Record<string, Record<string, CallCounts>>;
  reset(): void;
}

/** The side of the log that the server writes to. */
export interface CallRecorder extends CallLog {
  arrive(call: LoggedCall): ArrivedCall;
}

export interface ArrivedCall {
  end(outcome: CallOutcome, code: string | null, isThrottled?: boolean): void;
}

const RECENT_CALLS = 1000;

interface Tally {
  readonly api: ApiName;
  readonly action: string;
  readonly window: SlidingWindow;
  readonly codes: Map<string, number>;
  arrived: number;
  granted: number;
  refused: number;
  throttled: number;
  faulted: number;
  maxCallsInAnySecond: number;
}

export function createCallLog(): CallRecorder {
  const tallies = new Map<string, Tally>();
  let recent: LoggedCall[] = [];

  const tallyOf = (api: ApiName, action: string): Tally => {
    const key = `${api} ${action}`;
    const known = tallies.get(key);
    if (known !== undefined) return known;
    const tally = createTally(api, action);
    tallies.set(key, tally);
    return tally;
  };
  const of = (api: ApiName, action: string): CallCounts =>
    toCounts(tallies.get(`${api} ${action}`) ?? createTally(api, action));

  return {
    of,
    maxCallsInAnySecond: (api, action) => of(api, action).maxCallsInAnySecond,
    recent: () => recent.slice(-RECENT_CALLS),
    toJson: () => {
      const counts: Record<string, Record<string, CallCounts>> = {};
      for (const tally of tallies.values()) {
        counts[tally.api] = { ...counts[tally.api], [tally.action]: toCounts(tally) };
      }
      return counts;
    },
    reset: () => {
      tallies.clear();
      recent = [];
    },
    arrive: (call) => {
      const tally = tallyOf(call.api, call.action);
      recent.push(call);
      if (recent.length > RECENT_CALLS * 2) recent = recent.slice(-RECENT_CALLS);
      tally.arrived++;
      tally.window.add(call.arrivedAtMs);
      tally.maxCallsInAnySecond = Math.max(
        tally.maxCallsInAnySecond,
        tally.window.count(call.arrivedAtMs),
      );
      return {
        end: (outcome, code, isThrottled = false) => {
          tally[outcome]++;
          if (isThrottled) tally.throttled++;
          if (code !== null) tally.codes.set(code, (tally.codes.get(code) ?? 0) + 1);
        },
      };
    },
  };
}

function createTally(api: ApiName, action: string): Tally {
  return {
    api,
    action,
    window: createSlidingWindow(),
    codes: new Map(),
    arrived: 0,
    granted: 0,
    refused: 0,
    throttled: 0,
    faulted: 0,
    maxCallsInAnySecond: 0,
  };
}

function toCounts(tally: Tally): CallCounts {
  const { arrived, granted, refused, throttled, faulted, maxCallsInAnySecond, codes } = tally;
  return {
    arrived,
    granted,
    refused,
    throttled,
    faulted,
    maxCallsInAnySecond,
    codes: Object.fromEntries(codes),
  };
}
