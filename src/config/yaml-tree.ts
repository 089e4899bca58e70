// Turns the text of the configuration into plain values, and remembers the line and the origin of each.
import {
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
} from "yaml";
import { type ConfigPath, type ConfigProblem, toPathText } from "./config-error.ts";
import { type ProtectedText, protectReferences } from "./flow-references.ts";
import { type SubstitutionOptions, substitute } from "./substitution.ts";

/** Far above any real configuration; keeps aliases of aliases from growing without end. */
const MAX_VALUES = 20_000;
const MAX_DEPTH = 50;

/** Where a value came from: the file itself, a variable or referenced file, or another place through an alias. */
export type Origin = "file" | "reference" | "alias";

interface Place {
  readonly line: number;
  readonly origin: Origin;
}

/** The configuration as plain values: mappings, lists, texts, numbers, truth values and `undefined` for not set. */
export class ConfigTree {
  readonly root: unknown;
  /** Mistakes met on the way: syntax, repeated keys, references that lead nowhere. */
  readonly problems: readonly ConfigProblem[];
  readonly #places: ReadonlyMap<string, Place>;

  constructor(
    root: unknown,
    problems: readonly ConfigProblem[],
    places: ReadonlyMap<string, Place>,
  ) {
    this.root = root;
    this.problems = problems;
    this.#places = places;
  }

  /** The line of the key, or of the nearest mapping around it when the key is missing. */
  lineOf(path: ConfigPath): number {
    for (let length = path.length; length > 0; length--) {
      const place = this.#places.get(toPathText(path.slice(0, length)));
      if (place !== undefined) return place.line;
    }
    return this.#places.get("")?.line ?? 1;
  }

  originOf(path: ConfigPath): Origin {
    return this.#places.get(toPathText(path))?.origin ?? "file";
  }

  /** The value at a path; `undefined` when there is none. */
  valueAt(path: ConfigPath): unknown {
    return path.reduce((value, step) => (isContainer(value) ? value[step] : undefined), this.root);
  }

  /** Puts another value in the place of one that is there. */
  replace(path: ConfigPath, value: unknown): void {
    const container = this.valueAt(path.slice(0, -1));
    const step = path.at(-1);
    if (isContainer(container) && step !== undefined) container[step] = value;
  }
}

/** Reads YAML 1.2 (core schema) and replaces the references in its texts; keys are left alone. */
export async function readYaml(text: string, options: SubstitutionOptions): Promise<ConfigTree> {
  const lines = new LineCounter();
  const { text: plainText, restore } = protectReferences(text);
  const document = parseDocument(plainText, {
    version: "1.2",
    // Stated, so that a `%YAML 1.1` line in the file cannot turn `mode: off` into `false`.
    schema: "core",
    merge: false,
    stringKeys: true,
    // The library's pretty messages quote the file, secrets included.
    prettyErrors: false,
    // "silent" would leave a second document out of the errors.
    logLevel: "error",
    lineCounter: lines,
  });
  const repeatedKeys = document.errors.filter((error) => error.code === "DUPLICATE_KEY");
  const syntaxError = document.errors.find((error) => error.code !== "DUPLICATE_KEY");
  const toProblem = ({ code, pos }: { code: ErrorCode; pos: [number, number] }): ConfigProblem => {
    const { line, col } = lines.linePos(pos[0]);
    return { line, path: "", message: `column ${col}: ${SYNTAX_MISTAKES[code]}` };
  };
  // What follows the first syntax error is its echo; a repeated key leaves the rest readable.
  if (syntaxError !== undefined) {
    return new ConfigTree(undefined, [toProblem(syntaxError)], new Map());
  }
  const reader = new NodeReader(document, lines, restore, options);
  const root = await reader.read(document.contents, [], "file", 0);
  const problems = [...repeatedKeys, ...document.warnings].map(toProblem);
  return new ConfigTree(root, [...problems, ...reader.problems], reader.places);
}

/** Narrows to what has steps below it: a mapping or a list. */
export function isContainer(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null;
}

class NodeReader {
  readonly problems: ConfigProblem[] = [];
  readonly places = new Map<string, Place>();
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #restore: ProtectedText["restore"];
  readonly #options: SubstitutionOptions;
  /** Paths whose references lead nowhere: not set, but not left out of a list either. */
  readonly #failed = new Set<string>();
  #valueCount = 0;
  #isTooMuch = false;

  constructor(
    document: Document,
    lines: LineCounter,
    restore: ProtectedText["restore"],
    options: SubstitutionOptions,
  ) {
    this.#document = document;
    this.#lines = lines;
    this.#restore = restore;
    this.#options = options;
  }

  async read(node: unknown, path: ConfigPath, origin: Origin, depth: number): Promise<unknown> {
    if (!this.places.has(toPathText(path))) this.#remember(path, this.#lineOf(node), origin);
    this.#valueCount++;
    if (!this.#isTooMuch && (this.#valueCount > MAX_VALUES || depth > MAX_DEPTH)) {
      this.#isTooMuch = true;
      this.#report([], "too much: aliases repeat each other, or mappings are nested too deeply");
    }
    if (this.#isTooMuch) return undefined;
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target !== undefined) return this.read(target, path, "alias", depth + 1);
      this.#fail(path, SYNTAX_MISTAKES.BAD_ALIAS);
      return undefined;
    }
    if (isMap(node)) {
      // Without a prototype, so that a key such as `__proto__` is a key like any other.
      const mapping: Record<string, unknown> = Object.create(null);
      for (const { key, value } of node.items) {
        const name = this.#restore(isScalar(key) ? String(key.value) : "");
        const line = this.#lineOf(key);
        this.#remember([...path, name], line, origin);
        mapping[name] = await this.read(value, [...path, name], origin, depth + 1);
        // In a mapping, nothing behind the colon means not set.
        if (mapping[name] === null) mapping[name] = undefined;
      }
      return mapping;
    }
    if (isSeq(node)) {
      const list: unknown[] = [];
      for (const item of node.items) {
        const itemPath = [...path, list.length];
        this.#remember(itemPath, this.#lineOf(item), origin);
        const value = await this.read(item, itemPath, origin, depth + 1);
        // A reference without text is not set, as if the item were not there.
        if (value !== undefined || this.#failed.has(toPathText(itemPath))) list.push(value);
      }
      return list;
    }
    if (!isScalar(node)) return null;
    if (typeof node.value !== "string") return node.value;
    return await this.#readText(this.#restore(node.value), path);
  }

  async #readText(source: string, path: ConfigPath): Promise<string | undefined> {
    const { text, isReplaced, problems } = await substitute(source, this.#options);
    if (isReplaced) this.#remember(path, this.#lineFor(path), "reference");
    for (const problem of problems) this.#fail(path, problem);
    return problems.length > 0 || (isReplaced && text === "") ? undefined : text;
  }

  #remember(path: ConfigPath, line: number, origin: Origin): void {
    this.places.set(toPathText(path), { line, origin });
  }

  #fail(path: ConfigPath, message: string): void {
    this.#failed.add(toPathText(path));
    this.#report(path, message);
  }

  #report(path: ConfigPath, message: string): void {
    this.problems.push({ line: this.#lineFor(path), path: toPathText(path), message });
  }

  #lineFor(path: ConfigPath): number {
    return this.places.get(toPathText(path))?.line ?? 1;
  }

  #lineOf(node: unknown): number {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : null;
    return this.#lines.linePos(range?.[0] ?? 0).line || 1;
  }
}

// Our own words: the library's messages quote pieces of the file, and those may be secrets.
const SYNTAX_MISTAKES: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "an alias (*name) cannot have an anchor or a tag of its own",
  BAD_ALIAS:
    "an alias (*name) without an anchor (&name) before it; put a text that starts with * in quotes",
  BAD_COLLECTION_TYPE: "a tag that does not go with this kind of value",
  BAD_DIRECTIVE: "a line starting with % that is no YAML directive",
  BAD_DQ_ESCAPE:
    "an escape that double quotes do not know; write \\\\ for a backslash, or use single quotes",
  BAD_INDENT: "the indentation does not fit the lines around it",
  BAD_PROP_ORDER: "an anchor or a tag must stand directly before its value",
  BAD_SCALAR_START: "a text cannot start with this character; put it in quotes",
  BLOCK_AS_IMPLICIT_KEY:
    "a mapping inside a line; put it on lines of its own, or the text in quotes",
  BLOCK_IN_FLOW: "a mapping or list by indentation inside { } or [ ]",
  DUPLICATE_KEY: "this key stands twice in its mapping",
  IMPOSSIBLE: "cannot be read as YAML",
  KEY_OVER_1024_CHARS: "a key of more than 1024 characters",
  MISSING_CHAR: "a character is missing, such as a closing quote, bracket or comma",
  MULTILINE_IMPLICIT_KEY: "a key that spans lines; is a colon or a closing quote missing?",
  MULTIPLE_ANCHORS: "more than one anchor on a value",
  MULTIPLE_DOCS: "a second YAML document (---); the configuration is one",
  MULTIPLE_TAGS: "more than one tag on a value",
  NON_STRING_KEY: "a key that is not plain text",
  RESOURCE_EXHAUSTION: "nested too deeply",
  TAB_AS_INDENT: "a tab in the indentation; use spaces",
  TAG_RESOLVE_FAILED: "a tag (!name) that the configuration does not know",
  UNEXPECTED_TOKEN: "this does not belong here; is a quote missing around the text?",
};
