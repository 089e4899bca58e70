// The one report of everything that is wrong with the configuration file.

/** Where a value stands in the file: keys and list positions from the top. */
export type ConfigPath = readonly PropertyKey[];

/** One mistake in the configuration file. */
export interface ConfigProblem {
  /** Counted from 1; absent when the mistake is not in the text of the file. */
  readonly line?: number;
  /** `connections[0].credentials.accessKeyId`; empty when it is about the whole file. */
  readonly path: string;
  /** What was expected and what came, for people; never a secret. */
  readonly message: string;
}

/** The configuration cannot be used. The message is the whole report, one line a mistake. */
export class ConfigError extends Error {
  readonly file: string;
  /** In the order of the file. */
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const inFileOrder = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
    super(toReport(file, inFileOrder));
    this.name = "ConfigError";
    this.file = file;
    this.problems = inFileOrder;
  }
}

/** Writes a path as people read it: `connections[0].credentials.accessKeyId`. */
export function toPathText(path: ConfigPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[\w-]+$/.test(String(step))) text += text === "" ? String(step) : `.${String(step)}`;
    else text += `[${JSON.stringify(String(step))}]`;
  }
  return text;
}

function toReport(file: string, problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? "1 mistake" : `${problems.length} mistakes`;
  const rows = problems.map(({ line, path, message }) => ({
    place: line === undefined ? "" : `line ${line}`,
    path,
    message,
  }));
  const placeWidth = Math.max(...rows.map((row) => row.place.length));
  // One very long path must not push every other message out of sight.
  const pathWidth = Math.min(48, Math.max(...rows.map((row) => row.path.length)));
  const lines = rows.map((row) =>
    [row.place.padEnd(placeWidth), row.path.padEnd(pathWidth), row.message]
      .filter((column) => column.trim() !== "")
      .join("  "),
  );
  return [`${file}: ${count}`, ...lines.map((line) => `  ${line}`)].join("\n");
}
