// What time it is at a cloud: signatures carry it, and are refused when it is wrong.

/** One for each connection. */
export interface CloudClock {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * The cloud says that a request, signed at this time, is too old or too new; `date` is the header of its answer.
   * Whether another attempt would be signed with another time.
   */
  correct(date: string | undefined, signedAtMs: number): boolean;
  /** To be told the header of every answer: it shows when the machine's clock is right again. */
  observe(date: string | undefined): void;
}

/** Closer than this the time is right: no cloud refuses it, and the header has whole seconds. */
const RIGHT_WITHIN_MS = 30_000;

/** The machine's clock, until a cloud says that it is wrong; from then on the cloud's, carried on monotonically. */
export function createCloudClock(systemNow: () => number = Date.now): CloudClock {
  let reading: { readonly dateMs: number; readonly atMs: number } | undefined;

  function now(): number {
    return reading === undefined
      ? systemNow()
      : reading.dateMs + (performance.now() - reading.atMs);
  }

  return {
    now,

    correct(date, signedAtMs) {
      const dateMs = toMs(date);
      if (dateMs === undefined || isClose(dateMs, signedAtMs)) return false;
      reading = { dateMs, atMs: performance.now() };
      return true;
    },

    observe(date) {
      if (reading === undefined) return;
      const dateMs = toMs(date);
      if (dateMs !== undefined && isClose(dateMs, systemNow())) reading = undefined;
    },
  };
}

function toMs(date: string | undefined): number | undefined {
  const dateMs = Date.parse(date ?? "");
  return Number.isNaN(dateMs) ? undefined : dateMs;
}

function isClose(oneMs: number, otherMs: number): boolean {
  return Math.abs(oneMs - otherMs) < RIGHT_WITHIN_MS;
}
