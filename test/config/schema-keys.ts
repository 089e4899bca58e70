// Lists every key of a JSON Schema with its path, as the documentation writes it.

export interface SchemaKey {
  /** `connections[].region` */
  readonly path: string;
  readonly description: string | undefined;
  readonly default: unknown;
  readonly hasChildren: boolean;
}

export function toSchemaKeys(schema: unknown, parent = ""): SchemaKey[] {
  if (!isMapping(schema)) return [];
  const { properties, items, anyOf, oneOf } = schema;
  const ownKeys = Object.entries(isMapping(properties) ? properties : {}).flatMap(
    ([key, child]) => {
      const path = parent === "" ? key : `${parent}.${key}`;
      const children = toSchemaKeys(child, path);
      const { description, default: byDefault } = isMapping(child) ? child : {};
      return [
        {
          path,
          description: typeof description === "string" ? description : undefined,
          default: byDefault,
          hasChildren: children.length > 0,
        },
        ...children,
      ];
    },
  );
  const choices = [anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list : []));
  return [
    ...ownKeys,
    ...toSchemaKeys(items, `${parent}[]`),
    ...choices.flatMap((choice: unknown) => toSchemaKeys(choice, parent)),
  ];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
