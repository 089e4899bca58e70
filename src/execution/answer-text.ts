// Answers that are put together of texts: what was answered before is not made into JSON once more.
import { type FieldNode, GraphQLError, type GraphQLFormattedError, locatedError } from "graphql";

/** A part of an answer as JSON, with the errors in it; their paths start at the part. */
export class AnswerText {
  readonly json: string;
  readonly errors: readonly GraphQLError[];

  constructor(json: string, errors: readonly GraphQLError[]) {
    this.json = toAscii(json);
    this.errors = errors;
  }
}

/** A part that could not be had: `null` in its place, and an error. */
export class FailedPart {
  readonly error: Error;
  readonly nodes: readonly FieldNode[];

  constructor(error: Error, nodes: readonly FieldNode[]) {
    this.error = error;
    this.nodes = nodes;
  }
}

/**
 * In characters of one byte, all others escaped. A single text of two-byte characters would make the whole answer one,
 * which takes ten times as long to be joined and sent.
 */
function toAscii(json: string): string {
  const escaped = json.replaceAll(/[\u0080-\uffff]/g, toEscape);
  // The engine keeps two bytes for each character of what it replaced in.
  return Buffer.from(escaped, "latin1").toString("latin1");
}

function toEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * The whole answer: what `JSON.stringify` gives, with the parts of its `data` that are text already. Its errors may be given
 * as text too.
 */
export function toAnswerJson(answer: object, errorsJson?: string): string {
  let members = errorsJson === undefined ? "" : `"errors":${errorsJson}`;
  for (const [name, value] of Object.entries(answer)) {
    if (value === undefined) continue;
    const json = name === "data" ? toJson(value) : JSON.stringify(value);
    members += `${members && ","}"${name}":${json}`;
  }
  return `{${members}}`;
}

/**
 * What `JSON.stringify` gives for data as graphql-js makes it, in which some parts are text already. Strings are added to
 * each other, not joined, so that a large answer is copied once only: when it is sent.
 */
export function toJson(data: unknown): string {
  if (data instanceof AnswerText) return data.json;
  if (data instanceof FailedPart) return "null";
  if (!isObject(data)) return JSON.stringify(data) ?? "null";
  let inside = "";
  if (Array.isArray(data)) {
    for (const item of data) inside += `${inside && ","}${toJson(item)}`;
    return `[${inside}]`;
  }
  for (const name of Object.keys(data)) {
    inside += `${inside && ","}${JSON.stringify(name)}:${toJson(data[name])}`;
  }
  return `{${inside}}`;
}

/**
 * The errors of all parts among the data, each with its path from the data's beginning. Without their stacks, which would
 * cost more than all else when the time of dozens of questions about hundreds of certificates runs out at one moment.
 */
export function findErrors(data: unknown): GraphQLError[] {
  const found: GraphQLError[] = [];
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    collect(data, undefined);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return found;

  function collect(value: unknown, place: Place | undefined): void {
    if (value instanceof AnswerText) {
      for (const error of value.errors) found.push(moveBelow(toPath(place), error));
    } else if (value instanceof FailedPart) {
      found.push(locate(value, toPath(place)));
    } else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) collect(item, { key: index, above: place });
    } else if (isObject(value)) {
      for (const key of Object.keys(value)) collect(value[key], { key, above: place });
    }
  }
}

/** By what they were made of: another one takes 15 µs to make, and dozens of questions may each be told it hundreds of times. */
const located = new WeakMap<Error, GraphQLError>();

function locate({ error, nodes }: FailedPart, path: readonly (string | number)[]): GraphQLError {
  const known = located.get(error);
  if (known !== undefined && areSame(known.nodes, nodes)) return withPath(known, path);
  const made = locatedError(error, nodes, path);
  located.set(error, made);
  return made;
}

function areSame(one: readonly unknown[] | undefined, other: readonly unknown[]): boolean {
  return one?.length === other.length && other.every((item, index) => item === one[index]);
}

/** The same error in another place. */
function withPath(error: GraphQLError, path: readonly (string | number)[]): GraphQLError {
  return Object.create(error, { path: { value: path, enumerable: true } });
}

/** Makes JSON of errors. */
export type ErrorWriter = (errors: readonly GraphQLError[]) => string;

/**
 * Makes what gives the same as `JSON.stringify` for errors in the form that `toTold` gives them; of all that differ in their
 * path alone the rest is formed and written once.
 */
export function createErrorWriter(
  toTold: (error: GraphQLError) => GraphQLFormattedError,
): ErrorWriter {
  /** By what the errors were made of. */
  const texts = new WeakMap<Error, ErrorText>();

  return (errors) => {
    let inside = "";
    for (const error of errors) {
      const { beforePath, afterPath } = findText(error);
      inside += `${inside && ","}${beforePath}${JSON.stringify(error.path ?? [])}${afterPath}`;
    }
    return `[${inside}]`;
  };

  function findText(error: GraphQLError): ErrorText {
    const { nodes, originalError = error } = error;
    const known = texts.get(originalError);
    if (known !== undefined && nodes !== undefined && areSame(known.nodes, nodes)) return known;
    const json = JSON.stringify({ ...toTold(error), path: [] });
    // Within a text its quotes would be escaped.
    const path = json.indexOf('"path":[]') + '"path":'.length;
    const text = { nodes, beforePath: json.slice(0, path), afterPath: json.slice(path + 2) };
    texts.set(originalError, text);
    return text;
  }
}

/** An error as JSON, around its path. */
interface ErrorText {
  readonly nodes: GraphQLError["nodes"];
  readonly beforePath: string;
  readonly afterPath: string;
}

interface Place {
  readonly key: string | number;
  readonly above: Place | undefined;
}

function toPath(place: Place | undefined): (string | number)[] {
  return place === undefined ? [] : [...toPath(place.above), place.key];
}

function moveBelow(path: readonly (string | number)[], error: GraphQLError): GraphQLError {
  return new GraphQLError(error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: [...path, ...(error.path ?? [])],
    originalError: error.originalError ?? null,
    extensions: error.extensions,
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
