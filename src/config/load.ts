// Reads the configuration file and reports everything that is wrong with it at once.
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { ConfigError, type ConfigPath, type ConfigProblem, toPathText } from "./config-error.ts";
import { type ConfigurableProduct, createAnyConnectionSchema } from "./connections.ts";
import { findContradictions } from "./contradictions.ts";
import { findFileMistakes } from "./join-mistakes.ts";
import { toReadFailure } from "./read-failure.ts";
import { describeExpectation, toProblems } from "./report-issues.ts";
import { type Config, createConfigSchema } from "./schema.ts";
import type { Environment } from "./substitution.ts";
import { type ConfigTree, readYaml } from "./yaml-tree.ts";

const MAX_FILE_BYTES = 1024 * 1024;
const NUMBER = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const TRUTH_VALUES: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["false", false],
]);

interface LoadConfigOptions {
  /** The products that can be configured; they shape `connections`. */
  readonly products: readonly ConfigurableProduct[];
  /** GraphQL types that the schema has whatever is configured. */
  readonly takenTypeNames: ReadonlySet<string>;
  /** Where `${NAME}` comes from: `process.env` of the process. */
  readonly env: Environment;
}

/** Reads and checks a configuration file. Rejects with a `ConfigError` that names every mistake. */
export async function loadConfig(path: string, options: LoadConfigOptions): Promise<Config> {
  const { tree, config, problems } = await inspect(path, options);
  const folder = dirname(path);
  const wrong = new Set(problems.map((problem) => problem.path));
  for (const { path: where, message } of await findFileMistakes(tree, folder)) {
    const text = toPathText(where);
    if (!wrong.has(text)) problems.push({ line: tree.lineOf(where), path: text, message });
  }
  if (problems.length > 0 || config === undefined) throw new ConfigError(path, problems);
  return resolvePaths(config, folder);
}

/** The sections that shape the GraphQL schema. */
export type SchemaConfig = Pick<Config, "join" | "schema">;

/** Sections without a say in the schema: where it is composed, their variables and files need not be there. */
const ELSEWHERE: ReadonlySet<string> = new Set<Exclude<keyof Config, keyof SchemaConfig>>([
  "server",
  "connections",
  "answer",
  "cache",
  "redis",
  "limits",
  "auth",
  "secrets",
]);

/** The same for the schema alone: mistakes elsewhere are left to the process that serves. */
export async function loadSchemaConfig(
  path: string,
  options: LoadConfigOptions,
): Promise<SchemaConfig> {
  const { tree, problems } = await inspect(path, options);
  const relevant = problems.filter(
    (problem) => !ELSEWHERE.has(problem.path.split(/[.[]/, 1)[0] ?? ""),
  );
  if (relevant.length > 0) throw new ConfigError(path, relevant);
  const { join, schema } = createConfigSchema(options.products).shape;
  return {
    join: join.parse(tree.valueAt(["join"])),
    schema: schema.parse(tree.valueAt(["schema"])),
  };
}

interface Inspection {
  readonly tree: ConfigTree;
  /** `undefined` where a value is wrong. */
  readonly config: Config | undefined;
  readonly problems: ConfigProblem[];
}

async function inspect(path: string, options: LoadConfigOptions): Promise<Inspection> {
  const { products, takenTypeNames, env } = options;
  const text = await fetchText(path);
  const tree = await readYaml(text, { env, folder: dirname(path) });
  const unreadable = findUnreadable(tree);
  if (unreadable !== undefined) throw new ConfigError(path, [...tree.problems, ...unreadable]);

  const schema = createConfigSchema(products);
  let result = check(schema, tree);
  while (convertReferences(result.issues, tree)) result = check(schema, tree);

  const problems = [...tree.problems];
  const explained = new Set(tree.problems.map((problem) => problem.path));
  for (const issue of result.issues) {
    // A value that never came has its line in the report already, and one line is enough for a value that
    // fails several checks.
    const where = toPathText(issue.path);
    if (issue.code !== "unrecognized_keys") {
      if (explained.has(where)) continue;
      explained.add(where);
    }
    problems.push(...toProblems(issue, tree));
  }
  const wrong = new Set(problems.map((problem) => problem.path));
  for (const { path, message } of findContradictions(tree, products, takenTypeNames)) {
    const where = toPathText(path);
    if (!wrong.has(where)) problems.push({ line: tree.lineOf(path), path: where, message });
  }
  return { tree, config: result.config, problems };
}

/** Paths start from the folder of the file, as those of `${file:PATH}` do. */
function resolvePaths(config: Config, folder: string): Config {
  const { join, auth, secrets } = config;
  const toFull = (path: string | undefined) => path && resolve(folder, path);
  return {
    ...config,
    join: { ...join, directory: { ...join.directory, file: toFull(join.directory.file) } },
    auth: { ...auth, jwt: { ...auth.jwt, publicKeyFile: toFull(auth.jwt.publicKeyFile) } },
    secrets: { ...secrets, auditFile: toFull(secrets.auditFile) },
  };
}

async function fetchText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) {
      throw new ConfigError(path, [{ path: "", message: "is larger than 1 MiB" }]);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(path, [{ path: "", message: toReadFailure(error) }]);
  }
}

/** What makes the values not worth checking: an error in the YAML itself, or no mapping in it. */
function findUnreadable({ root, problems }: ConfigTree): readonly ConfigProblem[] | undefined {
  if (root === null) {
    return [{ path: "", message: "is empty; `connections` is needed at least" }];
  }
  if (root === undefined && problems.length > 0) return [];
  if (typeof root === "object" && !Array.isArray(root)) return undefined;
  return [{ path: "", message: "expected a mapping of keys such as `connections:`" }];
}

interface CheckResult {
  readonly issues: readonly z.core.$ZodIssue[];
  readonly config: Config | undefined;
}

function check(schema: ReturnType<typeof createConfigSchema>, tree: ConfigTree): CheckResult {
  // Without the compilation of checks, which takes longer than the one parse that it could speed up.
  const result = schema.safeParse(tree.root, { error: describeExpectation, jitless: true });
  if (result.success) return { issues: [], config: result.data };
  const { issues } = result.error;
  return {
    issues: [...issues, ...issues.flatMap((issue) => checkAnyCloud(issue, tree))],
    config: undefined,
  };
}

/** Without a known cloud zod stops at the name; the keys that all clouds have are reported all the same. */
function checkAnyCloud(issue: z.core.$ZodIssue, tree: ConfigTree): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union" || issue.path.at(-1) !== "cloud") return [];
  const path = issue.path.slice(0, -1);
  const result = createAnyConnectionSchema().safeParse(tree.valueAt(path), {
    error: describeExpectation,
    jitless: true,
  });
  return result.error?.issues.map((found) => ({ ...found, path: [...path, ...found.path] })) ?? [];
}

/** Gives texts that came from variables or files the type that the schema asked for; tells whether any changed. */
function convertReferences(issues: readonly z.core.$ZodIssue[], tree: ConfigTree): boolean {
  let hasConverted = false;
  for (const issue of issues) {
    if (issue.code !== "invalid_type") continue;
    const value = toTyped(issue.expected, issue.path, tree);
    if (value === undefined) continue;
    tree.replace(issue.path, value);
    hasConverted = true;
  }
  return hasConverted;
}

function toTyped(
  expected: string,
  path: ConfigPath,
  tree: ConfigTree,
): number | boolean | undefined {
  const text = tree.valueAt(path);
  if (typeof text !== "string" || tree.originOf(path) !== "reference") return undefined;
  if (expected === "boolean") return TRUTH_VALUES.get(text.trim().toLowerCase());
  if (expected !== "number" && expected !== "int") return undefined;
  return NUMBER.test(text.trim()) ? Number(text) : undefined;
}
