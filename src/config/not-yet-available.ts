// Keys that the configuration has and this version does not serve yet. Later work takes lines away.
import type { ConfigPath } from "./config-error.ts";

/** A key that must keep its default for now. */
export interface NotYetAvailable {
  readonly path: ConfigPath;
  /** The value that is refused; by default any that is set. */
  readonly value?: string | boolean;
}

export const NOT_YET_AVAILABLE: readonly NotYetAvailable[] = [
  { path: ["join", "directory", "file"] },
];
