// One exchange of slots with Redis, as it is told to exchange-script.ts and as its answer is read.
import type { Remains } from "./sliding-window.ts";

/** A slot that goes back: after an answer, or unused. */
export type Return =
  | { readonly answeredAtMs: number; readonly creditMs: number }
  | { readonly usableAtMs: number };

/** One exchange with Redis; asked for again with the same number until its answer is known. */
export interface Exchange {
  readonly number: number;
  readonly missing: number;
  readonly firstTurns: number;
  readonly pauseMs: number | undefined;
  readonly returns: readonly Return[];
  readonly remains: Remains;
}

/** What Redis answers. */
export interface Granted {
  readonly wasLost: boolean;
  readonly limit: number;
  readonly active: number;
  readonly usedByOthers: number;
  readonly askAgainMs: number;
  readonly firsts: number;
  readonly restsMs: readonly number[];
}

/** What a replica has left that did not count on its own. */
export const NOTHING: Remains = { freeAtMs: [], inFlight: 0 };

/** The script's last arguments: the slots that go back or are brought along. Told as ages and rests, since clocks differ. */
export function toTold({ returns, remains }: Exchange): (string | number)[] {
  return [
    returns.flatMap((one) => ("answeredAtMs" in one ? [toAgeMs(one)] : [])).join(),
    returns.flatMap((one) => ("usableAtMs" in one ? [toRestMs(one.usableAtMs)] : [])).join(),
    remains.freeAtMs.map(toRestMs).join(),
    remains.inFlight,
  ];
}

/** `undefined` when the replica must join first. */
export function readGranted(answer: unknown): Granted | undefined {
  if (typeof answer !== "string" || answer === "") return undefined;
  const [wasLost, limit = 0, active = 1, usedByOthers = 0, askAgainMs = 0, firsts = 0, ...restsMs] =
    answer.split(" ").map(Number);
  return { wasLost: wasLost === 1, limit, active, usedByOthers, askAgainMs, firsts, restsMs };
}

/** When it may be used again, by whomever. */
export function toUsableAtMs(one: Return, periodMs: number): number {
  return "usableAtMs" in one ? one.usableAtMs : one.answeredAtMs + periodMs - one.creditMs;
}

/** Milliseconds since its answer, rounded down so that it rests rather longer. */
function toAgeMs({ answeredAtMs, creditMs }: { answeredAtMs: number; creditMs: number }): number {
  return Math.floor(performance.now() - answeredAtMs + creditMs);
}

function toRestMs(usableAtMs: number): number {
  return Math.max(0, Math.ceil(usableAtMs - performance.now()));
}
