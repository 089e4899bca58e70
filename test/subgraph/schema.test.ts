import "reflect-metadata";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type ASTNode,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InterfaceTypeDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  print,
  visit,
} from "graphql";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { products } from "../../src/providers/index.ts";
import { createSchema, listTypeNames } from "../../src/schema.ts";
import { readOperation } from "../support/operations.ts";
import { makeFolder, startProcess } from "../support/process.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const contract = parse(
  readFileSync(new URL("../support/contract.graphql", import.meta.url), "utf8"),
);
const committed = readFileSync(
  new URL("../../schema/device-certificates.graphql", import.meta.url),
  "utf8",
);

let emulator: Emulator;
let subgraph: TestSubgraph;
let served: DocumentNode;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 1 });
  subgraph = await startTestSubgraph({ connections: toConnections(emulator) });
  const { data } = await subgraph.ask("{ _service { sdl } }");
  served = parse(data._service.sdl);
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

type TypeNode = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode;

const isType = (definition: DefinitionNode): definition is TypeNode =>
  definition.kind === Kind.OBJECT_TYPE_DEFINITION ||
  definition.kind === Kind.INTERFACE_TYPE_DEFINITION;

const findType = (document: DocumentNode, name: string): TypeNode | undefined =>
  document.definitions.filter(isType).find((type) => type.name.value === name);

const listFields = (type: TypeNode | undefined): readonly FieldDefinitionNode[] =>
  type?.fields ?? [];

/** Without descriptions, which are no part of the contract. */
const printBare = (node: ASTNode) =>
  print(
    visit(node, {
      enter: (inner) => ("description" in inner ? { ...inner, description: undefined } : undefined),
    }),
  ).replace(/\s+/g, " ");

describe("the schema of the contract", () => {
  const types = contract.definitions.filter(isType);

  it.each(types.map((type) => [type.name.value, type] as const))(
    "%s has all its fields, as they stand there",
    (name, type) => {
      const servedType = findType(served, name);
      expect(servedType?.kind).toBe(type.kind);
      const fields = new Map(listFields(servedType).map((field) => [field.name.value, field]));
      for (const field of listFields(type)) {
        const found = fields.get(field.name.value);
        expect(found && printBare(found)).toBe(printBare(field));
      }
    },
  );

  it.each(
    types.flatMap((type) =>
      type.kind === Kind.OBJECT_TYPE_DEFINITION && type.interfaces?.length
        ? [[type.name.value, type] as const]
        : [],
    ),
  )("%s implements its interfaces, has their fields and its key", (name, type) => {
    const found = findType(served, name);
    if (found?.kind !== Kind.OBJECT_TYPE_DEFINITION) throw new Error("no object type");
    const interfaces = found.interfaces?.map((node) => node.name.value) ?? [];
    expect(interfaces.toSorted()).toEqual(
      type.interfaces?.map((node) => node.name.value).toSorted(),
    );
    expect(found.directives?.map((directive) => print(directive))).toEqual(['@key(fields: "id")']);
    const names = listFields(found).map((field) => field.name.value);
    for (const implemented of interfaces)
      for (const field of listFields(findType(contract, implemented)))
        expect(names).toContain(field.name.value);
  });

  it.each(["DeviceCertificate", "X509DeviceCertificate"])(
    "the interface %s has its key",
    (name) => {
      expect(findType(served, name)?.directives?.map((directive) => print(directive))).toEqual([
        '@key(fields: "id")',
      ]);
    },
  );

  it.each(
    contract.definitions
      .filter(
        (definition) =>
          definition.kind === Kind.ENUM_TYPE_DEFINITION ||
          definition.kind === Kind.SCALAR_TYPE_DEFINITION,
      )
      .map((definition) => [definition.name.value, definition] as const),
  )("%s is the same", (name, definition) => {
    const found = served.definitions.find(
      (candidate) => "name" in candidate && candidate.name?.value === name,
    );
    const wanted = printBare(definition);
    if (definition.kind === Kind.SCALAR_TYPE_DEFINITION) {
      expect(found && printBare(found)).toBe(wanted);
    } else {
      for (const value of definition.values ?? [])
        expect(found && printBare(found)).toMatch(new RegExp(`\\b${value.name.value}\\b`));
    }
  });

  it("puts @requiresScopes on fields alone, and on no field of an interface", () => {
    visit(served, {
      InterfaceTypeDefinition: (type) => {
        expect(print(type)).not.toContain("@requiresScopes");
      },
      ObjectTypeDefinition: (type) => {
        expect(type.directives?.map(({ name }) => name.value)).not.toContain("requiresScopes");
      },
    });
  });
});

describe("the served SDL", () => {
  it("is the committed file, word by word", async () => {
    const { data } = await subgraph.ask("{ _service { sdl } }");
    expect(data._service.sdl).toBe(committed);
  });

  it.each([
    ["an external source", { join: { source: "external" } }],
    ["other names", { join: { typeName: "Asset", keyField: "assetNumber", keyType: "Int" } }],
    ["no @requiresScopes", { schema: { authorizationDirectives: false } }],
  ])("is what npm run schema writes, with %s", async (_, sections) => {
    const connections = toConnections(emulator);
    const folder = await makeFolder();
    const config = join(folder, "config.yaml");
    const out = join(folder, "schema.graphql");
    await writeFile(config, stringify({ connections, ...sections }));
    const printing = startProcess(["print-schema", "--config", config, "--out", out]);
    const other = await startTestSubgraph({ connections, sections });
    onTestFinished(() => other.close());
    expect(await printing.ended).toMatchObject({ code: 0 });
    const { data } = await other.ask("{ _service { sdl } }");
    expect(data._service.sdl).toBe(await readFile(out, "utf8"));
    expect(data._service.sdl).not.toBe(committed);
  });

  it("links the newest federation version that all common composers take", () => {
    expect(committed).toMatch(/https:\/\/specs\.apollo\.dev\/federation\/v2\.9"/);
  });

  it("describes every type, field, argument and value", () => {
    visit(parse(committed), {
      enter: (node, _key, _parent, _path, ancestors) => {
        if (!("description" in node)) return;
        const where = ancestors.flatMap((ancestor) =>
          "name" in ancestor && ancestor.name ? [ancestor.name.value] : [],
        );
        const name = "name" in node ? node.name.value : node.kind;
        // Other subgraphs have these too, and describe them.
        if (["Query", "Device", "Device.id"].includes([...where, name].join("."))) return;
        expect(node.description, [...where, name].join(".")).toBeDefined();
      },
    });
  });

  it("is drawn from the code as it is committed", async () => {
    expect((await createSchema({ products })).sdl).toBe(committed);
  });

  it("has no @requiresScopes for gateways that refuse it", async () => {
    const { sdl } = await createSchema({ products, authorizationDirectives: false });
    expect(sdl).not.toContain("requiresScopes");
    expect(sdl.replace(/\s+/g, " ")).toBe(
      committed
        .replaceAll(/\s*@requiresScopes\(scopes: \[\["[^"]*"\]\]\)/g, "")
        .replace(', "@requiresScopes"', "")
        .replace(/\s+/g, " "),
    );
  });
});

describe("the operations of the tests", () => {
  it("ask for every field of every certificate", () => {
    const operations = parse(readOperation("every-field", "personal-data", "sealed-fields"));
    const asked = new Set<string>();
    visit(operations, { Field: ({ name }) => void asked.add(name.value) });
    const missing = contract.definitions
      .filter(isType)
      .filter((type) => type.name.value !== "Query")
      .flatMap(listFields)
      .map(({ name }) => name.value)
      .filter((name) => !asked.has(name));
    expect(missing).toEqual([]);
  });
});

describe("the names that devices cannot have", () => {
  it("are those of all other types of the schema, and no more", async () => {
    const { schema } = await createSchema({ products, join: { typeName: "Asset" } });
    const names = Object.keys(schema.getTypeMap()).filter((name) => !name.includes("__"));
    expect([...listTypeNames(), "Asset"]).toEqual(expect.arrayContaining(names));
    expect([...listTypeNames()].filter((name) => !names.includes(name)).toSorted()).toEqual([
      "Mutation",
      "Subscription",
    ]);
  });
});
