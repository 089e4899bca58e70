// Turns what zod found into lines that say what was expected and what came, without any secret.
import type { z } from "zod";
import { type ConfigPath, type ConfigProblem, toPathText } from "./config-error.ts";
import { toSuggestion } from "./suggestion.ts";
import type { ConfigTree } from "./yaml-tree.ts";

/** Below these keys values are never printed, wherever they come from. */
const SECRET_KEYS: ReadonlySet<PropertyKey> = new Set(["credentials", "token", "url"]);
/** Where an unknown key may be a secret that lost its colon: `{ token:abc }` is a key without a value. */
const SECRET_SECTIONS: ReadonlySet<PropertyKey> = new Set(["credentials", "gateway", "redis"]);
/** Except these, which are no secrets and easily stand in the wrong place. */
const SAFE_KEYS: ReadonlySet<string> = new Set(["accessKeyId", "accessKeySecret", "securityToken"]);
/** Texts that are safe and useful to repeat: no user names in URLs, no queries, nothing long. */
const PRINTABLE = /^[\w ./:,-]{0,60}$/;

const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a mapping",
  record: "a mapping",
  array: "a list",
};

/** What a schema without words of its own expects, for `safeParse(…, { error })`. */
export const describeExpectation: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case "invalid_type":
      return KINDS[issue.expected] ?? issue.expected;
    case "invalid_value":
      return issue.values.map(String).join(" or ");
    case "too_small":
      return `${toAmount(issue.origin)} of at least ${issue.minimum}`;
    case "too_big":
      return `${toAmount(issue.origin)} of at most ${issue.maximum}`;
    case "unrecognized_keys":
      return "";
    default:
      return "another value";
  }
};

/** One problem a line: an issue with several unknown keys becomes several. */
export function toProblems(issue: z.core.$ZodIssue, tree: ConfigTree): ConfigProblem[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    const known = issue.message.split(" ").filter((key) => key !== "");
    return issue.keys.map((key) => toUnknownKeyProblem([...path, key], known, tree));
  }
  const value = tree.valueAt(path);
  const message =
    value === undefined
      ? `missing: expected ${issue.message}${tree.originOf(path) === "file" ? "" : ", came a reference without text"}`
      : `expected ${issue.message}, came ${toDescription(value, path, tree)}`;
  return [{ line: tree.lineOf(path), path: toPathText(path), message }];
}

function toUnknownKeyProblem(
  path: ConfigPath,
  known: readonly string[],
  tree: ConfigTree,
): ConfigProblem {
  const key = String(path.at(-1));
  const line = tree.lineOf(path);
  const suggestion = toSuggestion(key, known);
  const hint =
    suggestion !== undefined
      ? `did you mean "${suggestion}"?`
      : `possible here: ${known.join(", ")}`;
  const isInSecretSection = path.some((step) => SECRET_SECTIONS.has(step));
  const isShown =
    suggestion !== undefined ||
    SAFE_KEYS.has(key) ||
    (!isInSecretSection && /^[\w.-]{1,60}$/.test(key));
  return isShown
    ? { line, path: toPathText(path), message: `unknown key; ${hint}` }
    : { line, path: toPathText(path.slice(0, -1)), message: `unknown key (not shown); ${hint}` };
}

function toDescription(value: unknown, path: ConfigPath, tree: ConfigTree): string {
  const isShown = tree.originOf(path) === "file" && !path.some((step) => SECRET_KEYS.has(step));
  switch (typeof value) {
    case "string":
      if (value === "") return "an empty text";
      if (tree.originOf(path) === "reference") return "a text from a variable or file (not shown)";
      return isShown && PRINTABLE.test(value) ? JSON.stringify(value) : "a text (not shown)";
    case "number":
      return isShown ? String(value) : "a number (not shown)";
    case "boolean":
      return isShown ? String(value) : "true or false";
    default:
      return value === null ? "nothing" : Array.isArray(value) ? "a list" : "a mapping";
  }
}

function toAmount(origin: string): string {
  if (origin === "string") return "a text with a length";
  return origin === "array" || origin === "set" ? "a list with a length" : "a number";
}
