// The log: one JSON object a line, for people through any JSON viewer.
import { type Logger, pino } from "pino";

/** The part of the logger that this code uses. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

/** Writes to standard output from `level` on: `debug`, `info`, `warn`, `error` or `silent`. */
export function createLog(level: string): Logger {
  return pino({ level, base: null });
}
