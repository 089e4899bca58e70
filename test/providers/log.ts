import type { Log } from "../../src/log.ts";

export interface LogEntry {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly [field: string]: unknown;
}

/** A log that keeps what is written, as the real one would print it. */
export function createRecordingLog(): Log & { readonly entries: LogEntry[] } {
  const entries: LogEntry[] = [];
  const record =
    (level: LogEntry["level"]) =>
    (fields: unknown, message?: string): void => {
      entries.push({ ...JSON.parse(JSON.stringify(fields)), message, level });
    };
  return {
    entries,
    debug: record("debug"),
    info: record("info"),
    warn: record("warn"),
    error: record("error"),
  };
}
