// The configuration's schema for editors: JSON Schema, draft 2020-12.
import { z } from "zod";
import type { ConfigurableProduct } from "./connections.ts";
import { createConfigSchema } from "./schema.ts";

type Node = Readonly<Record<string, unknown>>;

const REFERENCE_PATTERN = "\\$\\{";

/** What editors complete and check the file with; takes `${…}` wherever the loader does. */
export function toConfigJsonSchema(products: readonly ConfigurableProduct[]): object {
  const { $schema, ...schema } = z.toJSONSchema(createConfigSchema(products), {
    target: "draft-2020-12",
    io: "input",
    reused: "inline",
  });
  return { $schema, title: "Device certificates subgraph", ...toLoose(schema, false) };
}

/** Adds what the file may hold beside the value: a reference, and nothing at all where the key is optional. */
function toLoose(node: Node, isOptional: boolean): Node {
  const { description, default: byDefault, ...rest } = node;
  const notes = {
    ...(description !== undefined && { description }),
    // The default of a mapping says `{}`, which tells nobody anything.
    ...(byDefault !== undefined && !isMapping(byDefault) && { default: byDefault }),
  };
  const orNull = isOptional ? ["null"] : [];
  switch (rest["type"]) {
    case "object":
    case "array":
      return {
        ...notes,
        ...withLooseChildren(rest),
        type: isOptional ? [rest["type"], ...orNull] : rest["type"],
      };
    case "number":
    case "integer":
    case "boolean":
      // One flat schema, which editors explain best: bounds speak of numbers alone, the pattern of texts alone.
      return {
        ...notes,
        ...rest,
        type: [rest["type"], "string", ...orNull],
        pattern: REFERENCE_PATTERN,
      };
  }
  const alternatives =
    rest["type"] === "string" && rest["const"] === undefined
      ? [rest, { type: "string", pattern: REFERENCE_PATTERN }]
      : [withLooseChildren(rest)];
  if (isOptional) alternatives.push({ type: "null" });
  return alternatives.length === 1
    ? { ...notes, ...alternatives[0] }
    : { ...notes, anyOf: alternatives };
}

function withLooseChildren(node: Node): Node {
  const { properties, items, required } = node;
  const isRequired = (key: string) => Array.isArray(required) && required.includes(key);
  return {
    ...node,
    ...(isMapping(properties) && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, child]) => [
          key,
          isMapping(child) ? toLoose(child, !isRequired(key)) : child,
        ]),
      ),
    }),
    ...(isMapping(items) && { items: toLoose(items, false) }),
    ...toLooseChoice(node, "oneOf"),
    ...toLooseChoice(node, "anyOf"),
  };
}

function toLooseChoice(node: Node, key: "oneOf" | "anyOf"): Node {
  const choices = node[key];
  if (!Array.isArray(choices)) return {};
  return {
    [key]: choices.map((choice: unknown) => (isMapping(choice) ? toLoose(choice, false) : choice)),
  };
}

function isMapping(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
