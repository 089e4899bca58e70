// Rules for the section `join`: names that the schema has already, and patterns that could never make an id.
import { access, constants, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { createDevicePattern, type IdForm, PatternError } from "../device/device-pattern.ts";
import type { ConfigPath } from "./config-error.ts";
import type { ConfigurableProduct } from "./connections.ts";
import { toReadFailure } from "./read-failure.ts";
import { type ConfigTree, isContainer } from "./yaml-tree.ts";

/** A mistake at a path, in a whole sentence. */
interface JoinMistake {
  readonly path: ConfigPath;
  readonly message: string;
}

/** What composers call types of their own: `link__Import`. */
const LIBRARY_NAME = /__/;
/** Fields that this subgraph gives to a device. */
const ADDED_FIELDS: ReadonlySet<unknown> = new Set([
  "certificate",
  "certificates",
  "certificateAvailability",
]);

/** Finds what no single key of `join` can tell. */
export function findJoinMistakes(
  tree: ConfigTree,
  products: readonly ConfigurableProduct[],
  takenTypeNames: ReadonlySet<string>,
): JoinMistake[] {
  return [...findTakenNames(tree, takenTypeNames), ...findBadPatterns(tree, products)];
}

/** A file that is not there at the start would leave every device without certificates. */
export async function findFileMistakes(tree: ConfigTree, folder: string): Promise<JoinMistake[]> {
  const path = ["join", "directory", "file"];
  const file = tree.valueAt(path);
  if (typeof file !== "string" || tree.valueAt(["join", "source"]) === "external") return [];
  try {
    await access(resolve(folder, file), constants.R_OK);
    const isFolder = (await stat(resolve(folder, file))).isDirectory();
    return isFolder ? [{ path, message: "the file is a folder" }] : [];
  } catch (error) {
    return [{ path, message: `the file ${toReadFailure(error)}` }];
  }
}

function findTakenNames(tree: ConfigTree, takenTypeNames: ReadonlySet<string>): JoinMistake[] {
  const mistakes: JoinMistake[] = [];
  const refuse = (path: ConfigPath, message: string) => mistakes.push({ path, message });
  const typeName = ["join", "typeName"];
  const name = tree.valueAt(typeName);
  if (typeof name === "string" && (takenTypeNames.has(name) || LIBRARY_NAME.test(name))) {
    const message = `the schema has another type of this name; expected the type of a device, got ${name}`;
    refuse(typeName, message);
  }
  const keyField = ["join", "keyField"];
  const key = tree.valueAt(keyField) ?? "id";
  if (ADDED_FIELDS.has(key)) {
    refuse(keyField, "this subgraph adds a field of this name to the device; expected its key");
  }
  if (tree.valueAt(["join", "source"]) === "external") {
    const externalField = ["join", "external", "field"];
    const field = tree.valueAt(externalField) ?? "certificateIds";
    if (ADDED_FIELDS.has(field) || field === key) {
      refuse(externalField, "must differ from the key and from the fields that are added");
    }
  }
  return mistakes;
}

function findBadPatterns(
  tree: ConfigTree,
  products: readonly ConfigurableProduct[],
): JoinMistake[] {
  const path = ["join", "directory", "patterns"];
  const patterns = tree.valueAt(path);
  if (!Array.isArray(patterns)) return [];
  const forms = toIdForms(tree, products);
  return patterns.flatMap((pattern: unknown, index) => {
    if (!isContainer(pattern)) return [];
    const { device, certificate } = pattern;
    if (typeof device !== "string" || typeof certificate !== "string") return [];
    try {
      createDevicePattern({ device, certificate }, forms);
      return [];
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      return [{ path: [...path, index, error.part], message: error.message }];
    }
  });
}

/** By the connections that the file names, right or wrong: a mistake in them has its own line. */
function toIdForms(tree: ConfigTree, products: readonly ConfigurableProduct[]): IdForm[] {
  const connections = tree.valueAt(["connections"]);
  const named = (Array.isArray(connections) ? connections : []).filter(isContainer);
  return products.map(({ prefix, key, cloud }) => ({
    prefix,
    key,
    connections: named.flatMap((connection) => {
      const { name = "default" } = connection;
      return connection["cloud"] === cloud.name && typeof name === "string" ? [name] : [];
    }),
  }));
}
