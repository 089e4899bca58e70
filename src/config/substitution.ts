// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the messages speak of references
// Replaces ${NAME}, ${NAME:-default} and ${file:PATH} in one text of the configuration.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import { toReadFailure } from "./read-failure.ts";

/** The largest file that `${file:PATH}` takes, in bytes: a secret, not a data set. */
const MAX_REFERENCED_FILE_BYTES = 64 * 1024;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SubstitutionOptions {
  readonly env: Environment;
  /** The folder that relative paths start from: the one of the configuration file. */
  readonly folder: string;
}

export interface Substitution {
  readonly text: string;
  /** Whether anything came from a variable, a default or a file. */
  readonly isReplaced: boolean;
  /** What could not be replaced, for people. Names variables and files, never what is in them. */
  readonly problems: readonly string[];
}

// `$${` stands first, so that it is taken before the `${` inside it. An unclosed `${` matches without a body.
const REFERENCE = /\$\$\{|\$\{(?:([^{}]*)\})?/g;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
const FILE_PREFIX = "file:";

/** Replaces every reference once: what a variable or a file holds is taken as it is, never read for references again. */
export async function substitute(
  text: string,
  options: SubstitutionOptions,
): Promise<Substitution> {
  const problems: string[] = [];
  let result = "";
  let isReplaced = false;
  let end = 0;
  for (const match of text.matchAll(REFERENCE)) {
    result += text.slice(end, match.index);
    end = match.index + match[0].length;
    if (match[0] === "$${") {
      result += "${";
      continue;
    }
    isReplaced = true;
    const value = await fetchReference(match[1], options);
    if (typeof value === "string") result += value;
    else problems.push(value.problem);
  }
  return { text: result + text.slice(end), isReplaced, problems };
}

async function fetchReference(
  reference: string | undefined,
  options: SubstitutionOptions,
): Promise<string | { readonly problem: string }> {
  // The body of a wrong reference is not shown: somebody may have put the secret itself there.
  if (reference === undefined) {
    return { problem: "a reference is not closed; write ${NAME}, or $${ for the characters ${" };
  }
  if (reference.startsWith(FILE_PREFIX)) {
    return await fetchFile(reference.slice(FILE_PREFIX.length).trim(), options.folder);
  }
  const [, name, fallback] = VARIABLE.exec(reference) ?? [];
  if (name === undefined) {
    return {
      problem:
        "a reference is none of ${NAME}, ${NAME:-default} and ${file:PATH}; write $${ for the characters ${",
    };
  }
  const value = Object.hasOwn(options.env, name) ? options.env[name] : undefined;
  // As in a shell, `:-` also stands in for a variable that is set but empty.
  if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
  if (value !== undefined) return value;
  return { problem: `the environment variable ${name} is not set; \${${name}:-…} gives a default` };
}

async function fetchFile(
  path: string,
  folder: string,
): Promise<string | { readonly problem: string }> {
  if (path === "") return { problem: "${file:PATH} names no file" };
  const fullPath = resolve(folder, path);
  try {
    // Not blocking on open, so that a pipe without a writer is refused and not waited for.
    const file = await open(fullPath, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return await fetchText(file, fullPath);
    } finally {
      await file.close();
    }
  } catch (error) {
    return { problem: `${fullPath} ${toReadFailure(error)}` };
  }
}

async function fetchText(
  file: FileHandle,
  fullPath: string,
): Promise<string | { readonly problem: string }> {
  const status = await file.stat();
  if (!status.isFile()) return { problem: `${fullPath} is not a file` };
  const buffer = Buffer.alloc(MAX_REFERENCED_FILE_BYTES + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length < buffer.length; length += read) {
    read = (await file.read(buffer, length, buffer.length - length, length)).bytesRead;
  }
  if (length > MAX_REFERENCED_FILE_BYTES) {
    return { problem: `${fullPath} is larger than ${MAX_REFERENCED_FILE_BYTES / 1024} KiB` };
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, length)).trim();
}
