// Every field of the schema, on every way to it, for every set of scopes that a caller may hold: generated from the schema.
import "reflect-metadata";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isInterfaceType, isObjectType } from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { products } from "../../src/providers/index.ts";
import { createRecipientKey } from "../support/recipient-key.ts";
import {
  listInterfaces,
  listScopes,
  needsRecipient,
  schema,
  type Wanted,
  writeInline,
  writeNamed,
} from "../support/selections.ts";
import {
  type GraphQLAnswer,
  startTestSubgraph,
  type TestSubgraph,
  toConnections,
} from "../support/subgraph.ts";

const TOKEN = "not-a-real-token-0001";
const READ = "device-certificate:read";
const PERSONAL = "device-certificate:personal:read";
const SECRET = "device-certificate:secret:read";
const OPERATIONS = "device-certificate:operations:read";

/** Every set of scopes: a role. */
const ROLES = [READ, PERSONAL, SECRET, OPERATIONS].reduce<string[][]>(
  (roles, scope) => roles.flatMap((role) => [role, [...role, scope]]),
  [[]],
);

/** One way to a certificate: what is asked, and where the certificates are in the answer. */
interface Way {
  readonly name: string;
  /** The paths of the answer that are denied as a whole to whoever may not read. */
  readonly roots: readonly string[];
  toOperation(selection: string): { query: string; variables: Record<string, unknown> };
}

let emulator: Emulator;
let subgraph: TestSubgraph;
let recipient: string;
let folder: string;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 4, seed: "matrix", quotas: "off" });
  recipient = (await createRecipientKey("P-256")).jwk;
  folder = await mkdtemp(join(tmpdir(), "matrix-"));
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 100_000 }),
    sections: {
      auth: { mode: "gateway", gateway: { token: TOKEN } },
      secrets: { mode: "sealed", auditFile: join(folder, "audit.log") },
      limits: { aliases: 1000, repeatedFields: 1000 },
      join: {
        directory: {
          patterns: products.map(({ prefix, key }) => {
            const names = key.map((_, index) => `{part${index}}`);
            return {
              device: `${prefix}/${names.join("/")}`,
              certificate: `${prefix}:default:${names.join(":")}`,
            };
          }),
        },
      },
    },
  });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
  await rm(folder, { recursive: true });
});

const askAs = (role: readonly string[], query: string, variables: Record<string, unknown>) =>
  subgraph.ask(query, variables, { "x-gateway-token": TOKEN, "x-scopes": role.join(" ") });

describe("the schema", () => {
  it("demands exactly these scopes of fields, and none of an interface's", () => {
    const demands = Object.values(schema.getTypeMap()).flatMap((type) =>
      isObjectType(type) || isInterfaceType(type)
        ? Object.values(type.getFields()).flatMap((field) =>
            listScopes(field).map((scope) => `${type.name}.${field.name} ${scope}`),
          )
        : [],
    );
    expect(demands.toSorted()).toEqual([
      `AliyunIotDeviceCertificate.sealedPrivateKey ${SECRET}`,
      `AliyunMqttDeviceCredential.sealedDeviceAccessKeySecret ${SECRET}`,
      `Query.providerQuotas ${OPERATIONS}`,
      `TencentSslCertificate.submittedData ${PERSONAL}`,
      `TencentSslSubmittedData.sealedKeyPassword ${SECRET}`,
    ]);
  });
});

describe.each(products.map((product) => [product.certificateType.name, product] as const))(
  "%s",
  (typeName, { prefix, rootField, key }) => {
    const fleetKey = () => fleetCertificate(prefix).key;
    const id = () => fleetCertificate(prefix).id;
    const isX509 = listInterfaces(typeName).includes("X509DeviceCertificate");
    const ways: Way[] = [
      {
        name: "deviceCertificate",
        roots: ["deviceCertificate"],
        toOperation: (selection) => ({
          query: `($id: ID!) { deviceCertificate(id: $id) { ${selection} } }`,
          variables: { id: id() },
        }),
      },
      {
        name: "deviceCertificates",
        roots: ["list"],
        toOperation: (selection) => ({
          query: `($ids: [ID!]!) { list: deviceCertificates(ids: $ids) { ${selection} } }`,
          variables: { ids: [id(), id()] },
        }),
      },
      {
        name: `${rootField.name}, under two names`,
        roots: ["a", "b"],
        toOperation: (selection) => {
          const variables = Object.fromEntries(
            key.map(({ argument }, index) => [argument, fleetKey()[index]]),
          );
          const declared = key.map(
            ({ argument, isId }) => `$${argument}: ${isId ? "ID" : "String"}!`,
          );
          const args = key.map(({ argument }) => `${argument}: $${argument}`).join(", ");
          const fields = ["a", "b"].map(
            (name) => `${name}: ${rootField.name}(${args}) { ${selection} }`,
          );
          return { query: `(${declared.join(", ")}) { ${fields.join(" ")} }`, variables };
        },
      },
      {
        name: "_entities, by interface and by type",
        roots: ["_entities"],
        toOperation: (selection) => ({
          query: `($representations: [_Any!]!) { _entities(representations: $representations) { ${selection} } }`,
          variables: {
            representations: [
              "DeviceCertificate",
              ...(isX509 ? ["X509DeviceCertificate"] : []),
              typeName,
            ].map((__typename) => ({ __typename, id: id() })),
          },
        }),
      },
      {
        name: "Device.certificate and Device.certificates",
        roots: ["_entities.0.certificate", "_entities.0.certificates"],
        toOperation: (selection) => ({
          query: `($representations: [_Any!]!) { _entities(representations: $representations) { ... on Device { certificate { ${selection} } certificates { ${selection} } } } }`,
          variables: {
            representations: [{ __typename: "Device", id: [prefix, ...fleetKey()].join("/") }],
          },
        }),
      },
    ];

    it.each(
      ways.flatMap((way) => [
        [way.name, "inline fragments", way, writeInline] as const,
        [way.name, "aliases in a named fragment", way, writeNamed] as const,
      ]),
    )(
      "%s, with %s: what a role lacks is FORBIDDEN at its place, and nothing else is",
      async (_, __, way, write) => {
        const { selection, fragments, wanted } = write(typeName);
        const { query, variables } = way.toOperation(selection);
        const declared = needsRecipient(wanted)
          ? query.replace("(", "($recipient: String!, ")
          : query;
        const text = `query ${declared}\n${fragments}`;
        const mistakes: string[] = [];
        await Promise.all(
          ROLES.map(async (role) => {
            const answer = await askAs(role, text, { ...variables, recipient });
            const found = findMistakes(answer, way, wanted, role);
            mistakes.push(...found.map((mistake) => `[${role.join(" ")}] ${mistake}`));
          }),
        );
        expect(mistakes).toEqual([]);
      },
    );

    it("gives everything to whoever may have everything", async () => {
      const { selection, fragments, wanted } = writeInline(typeName);
      const declared = needsRecipient(wanted) ? ", $recipient: String!" : "";
      const { data, errors } = await askAs(
        [READ, PERSONAL, SECRET],
        `query ($id: ID!${declared}) { deviceCertificate(id: $id) { ${selection} } }\n${fragments}`,
        { id: id(), recipient },
      );
      expect(errors).toBeUndefined();
      for (const path of listScoped(wanted)) {
        const value = path.reduce((object, name) => object[name], data.deviceCertificate);
        expect(value, path.join(".")).not.toBeNull();
      }
    });
  },
);

describe("fields of the root", () => {
  it.each(ROLES)("%s, %s, %s, %s", async (...role) => {
    const held = role.filter((scope) => scope !== undefined);
    const { data, errors } = await askAs(
      held,
      "{ __typename x: providerQuotas { action } ... on Query { y: providerQuotas { action } } _service { sdl } }",
      {},
    );
    expect(data.__typename).toBe("Query");
    expect(data._service.sdl).toContain("interface DeviceCertificate");
    if (held.includes(OPERATIONS)) {
      expect(errors).toBeUndefined();
      expect(data.x.length).toBeGreaterThan(0);
    } else {
      expect(data).toMatchObject({ x: null, y: null });
      expect(errors?.map(({ path, extensions }) => [path, extensions])).toEqual([
        [["x"], { code: "FORBIDDEN", requiredScopes: [OPERATIONS] }],
        [["y"], { code: "FORBIDDEN", requiredScopes: [OPERATIONS] }],
      ]);
    }
  });
});

describe("a device", () => {
  it("does not tell whether it has certificates to whoever may not read them", async () => {
    const { data, errors = [] } = await askAs(
      [PERSONAL, SECRET, OPERATIONS],
      `query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Device { id certificate { id } certificates { id } certificateAvailability } } }`,
      {
        representations: [
          "unknown",
          ["tencent-ssl", ...fleetCertificate("tencent-ssl").key].join("/"),
        ].map((id) => ({ __typename: "Device", id })),
      },
    );
    const [without, having] = data._entities;
    for (const device of [without, having]) {
      expect(device).toMatchObject({
        certificate: null,
        certificates: null,
        certificateAvailability: "DENIED",
      });
    }
    expect(
      errors.map(({ path, extensions }) => [path?.join("."), extensions["code"]]).toSorted(),
    ).toEqual([
      ["_entities.0.certificate", "FORBIDDEN"],
      ["_entities.0.certificates", "FORBIDDEN"],
      ["_entities.1.certificate", "FORBIDDEN"],
      ["_entities.1.certificates", "FORBIDDEN"],
    ]);
  });
});

function fleetCertificate(prefix: string) {
  const certificate = emulator.fleet.products.find((product) => product.prefix === prefix)?.at(0);
  if (certificate === undefined) throw new Error(`there is no fleet of ${prefix}`);
  return certificate;
}

function listScoped(wanted: readonly Wanted[]): string[][] {
  return wanted.flatMap(({ key, scopes, children }) => [
    ...(scopes.length > 0 ? [[key]] : []),
    ...listScoped(children).map((path) => [key, ...path]),
  ]);
}

/** Where an answer differs from what the role may have. */
function findMistakes(
  { data, errors = [] }: GraphQLAnswer,
  { roots }: Way,
  wanted: readonly Wanted[],
  role: readonly string[],
): string[] {
  const mistakes: string[] = [];
  const denied = new Map<string, readonly string[]>();

  function look(value: unknown, fields: readonly Wanted[], path: string): void {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) look(item, fields, `${path}.${index}`);
      return;
    }
    if (typeof value !== "object" || value === null) return;
    const object = new Map(Object.entries(value));
    for (const { key, scopes, children } of fields) {
      const place = `${path}.${key}`;
      const found: unknown = object.get(key);
      if (found === undefined) mistakes.push(`${place} is missing`);
      if (scopes.every((scope) => role.includes(scope))) {
        look(found, children, place);
      } else {
        denied.set(place, scopes);
        if (found !== null) mistakes.push(`${place} was given`);
      }
    }
  }

  for (const root of roots) {
    const value = root
      .split(".")
      .reduce<unknown>(
        (object, name) => (object === null ? null : Reflect.get(Object(object), name)),
        data,
      );
    if (role.includes(READ)) {
      if (value === null) mistakes.push(`${root} is null`);
      look(value, wanted, root);
    } else {
      denied.set(root, [READ]);
      if (value !== null) mistakes.push(`${root} was given`);
    }
  }
  const told = new Map<string, unknown>();
  for (const { path = [], extensions } of errors) {
    const place = path.join(".");
    told.set(place, extensions);
    if (extensions["code"] !== "FORBIDDEN") mistakes.push(`${place}: ${extensions["code"]}`);
    if (JSON.stringify(extensions["requiredScopes"]) !== JSON.stringify(denied.get(place))) {
      mistakes.push(`${place} requires ${extensions["requiredScopes"]}`);
    }
  }
  for (const place of denied.keys()) if (!told.has(place)) mistakes.push(`${place}: no error`);
  return mistakes;
}
