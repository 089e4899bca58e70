import "reflect-metadata";
import {
  buildClientSchema,
  type GraphQLField,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  isEnumType,
  isInterfaceType,
  isNonNullType,
  isObjectType,
  isScalarType,
} from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

/** Every subgraph has the one, and the devices' own has the other: to describe them is theirs. */
const OF_OTHERS = new Set(["Query", "Device", "Device.id"]);
/** What GraphQL and federation bring along. */
const IS_MACHINERY = /^(?:_|federation__|link__|(?:Boolean|Float|ID|Int|String)$)/;

const UNITS =
  /\b(?:days|bits|months|milliseconds|seconds?|how many|calls|kind|as a number|1 for)\b/i;

interface DescribedField {
  /** `Type.field`. */
  readonly path: string;
  readonly type: GraphQLField<unknown, unknown>["type"];
  readonly description: string;
}

let emulator: Emulator;
let subgraph: TestSubgraph;
let schema: GraphQLSchema;
let fields: readonly DescribedField[];

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 1 });
  subgraph = await startTestSubgraph({ connections: toConnections(emulator) });
  const introspection = getIntrospectionQuery({ specifiedByUrl: true });
  schema = buildClientSchema((await subgraph.ask(introspection)).data);
  fields = listTypes().flatMap((type) =>
    isObjectType(type) || isInterfaceType(type)
      ? Object.values(type.getFields()).map((field) => ({
          path: `${type.name}.${field.name}`,
          type: field.type,
          description: field.description ?? "",
        }))
      : [],
  );
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

const listTypes = () =>
  Object.values(schema.getTypeMap()).filter(({ name }) => !IS_MACHINERY.test(name));

const isOurs = ({ path }: DescribedField) => !OF_OTHERS.has(path) && !/^Query\._/.test(path);

describe("a description", () => {
  it("stands on every type, field, argument and enum value", () => {
    const bare = listTypes().flatMap((type) => {
      const missing = type.description || OF_OTHERS.has(type.name) ? [] : [type.name];
      if (isEnumType(type))
        for (const { name, description } of type.getValues())
          if (!description) missing.push(`${type.name}.${name}`);
      if (isObjectType(type) || isInterfaceType(type))
        for (const { name, args } of Object.values(type.getFields()))
          for (const argument of args)
            if (!argument.description && !name.startsWith("_"))
              missing.push(`${type.name}.${name}(${argument.name}:)`);
      return missing;
    });
    const bareFields = fields.filter(isOurs).filter(({ description }) => description === "");
    expect([...bare, ...bareFields.map(({ path }) => path)]).toEqual([]);
  });

  it("says of every field that may be null when it is", () => {
    const silent = fields
      .filter(isOurs)
      .filter(({ type, description }) => !isNonNullType(type) && !/\bnull\b/.test(description));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it("says the unit, or the meaning, of every number", () => {
    const numbers = fields.filter(({ type }) => ["Int", "Float"].includes(getNamedType(type).name));
    expect(numbers.length).toBeGreaterThan(10);
    const silent = numbers.filter(({ description }) => !UNITS.test(description));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it("says the vendor's name of every field that one product alone has", () => {
    const common = new Set(
      ["DeviceCertificate", "X509DeviceCertificate"].flatMap((name) => {
        const type = schema.getType(name);
        return isInterfaceType(type) ? Object.keys(type.getFields()) : [];
      }),
    );
    const silent = fields
      .filter(({ path }) => /^(?:Tencent|Aliyun)/.test(path))
      .filter(({ path }) => !common.has(path.split(".")[1] ?? ""))
      .filter(({ description }) => !/Source: \w+/.test(description));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it("is a sentence, of what a person can read", () => {
    for (const { path, description } of fields.filter(isOurs)) {
      expect(description, path).toMatch(/^[A-Z0-9].*\.$/);
      expect(description, path).not.toMatch(/\bTODO\b|undefined|\[object|\$\{/);
    }
  });

  it("says of every scalar of our own how it is written", () => {
    const scalars = listTypes().filter(isScalarType);
    expect(scalars.map(({ name }) => name)).toEqual(["DateTime"]);
    for (const { specifiedByURL } of scalars) expect(specifiedByURL).toMatch(/^https:/);
  });
});
