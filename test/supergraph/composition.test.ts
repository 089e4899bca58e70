import "reflect-metadata";
import { readFileSync } from "node:fs";
import { composeServices as composeByApollo } from "@apollo/composition";
import { composeServices as composeByGuild } from "@theguild/federation-composition";
import { federateSubgraphs, ROUTER_COMPATIBILITY_VERSION_ONE } from "@wundergraph/composition";
import { parse } from "graphql";
import { beforeAll, describe, expect, it } from "vitest";
import { products } from "../../src/providers/index.ts";
import { createSchema, type SchemaOptions } from "../../src/schema.ts";

interface Subgraph {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
}

/** What a composer objects to, and what it only mentions. */
interface Verdict {
  readonly errors: readonly string[];
  readonly hints: readonly string[];
}

type Compose = (subgraphs: readonly Subgraph[]) => Verdict;

const composeWithApollo: Compose = (subgraphs) => {
  const { errors, hints } = composeByApollo(subgraphs.map(toDefinition));
  return { errors: toMessages(errors), hints: toMessages(hints) };
};

/** It gives no hints. */
const composeWithGuild: Compose = (subgraphs) => ({
  errors: toMessages(composeByGuild(subgraphs.map(toDefinition)).errors),
  hints: [],
});

const composeWithWunderGraph: Compose = (subgraphs) => {
  const result = federateSubgraphs({
    subgraphs: subgraphs.map(({ name, url, sdl }) => ({ name, url, definitions: parse(sdl) })),
    version: ROUTER_COMPATIBILITY_VERSION_ONE,
  });
  return {
    errors: result.success ? [] : toMessages(result.errors),
    hints: toMessages(result.warnings),
  };
};

const composers: readonly [name: string, compose: Compose][] = [
  ["@apollo/composition", composeWithApollo],
  ["@theguild/federation-composition", composeWithGuild],
  ["@wundergraph/composition", composeWithWunderGraph],
];

function toDefinition({ name, url, sdl }: Subgraph) {
  return { name, url, typeDefs: parse(sdl) };
}

function toMessages(problems: readonly { readonly message: string }[] | undefined): string[] {
  return (problems ?? []).map(({ message }) => message);
}

const readExample = (name: string) =>
  readFileSync(new URL(`../../examples/supergraph/${name}`, import.meta.url), "utf8");

const devices = readExample("devices.graphql");

interface Variant {
  readonly name: string;
  readonly devices: string;
  readonly join?: SchemaOptions["join"];
  /** By default true. */
  readonly authorizationDirectives?: boolean;
}

const waysToJoin: readonly Variant[] = [
  { name: "directory", devices },
  {
    name: "external",
    devices: readExample("devices.external.graphql"),
    join: { source: "external" },
  },
  { name: "stubs", devices: readExample("devices.stubs.graphql") },
];

const variants: readonly Variant[] = [
  ...waysToJoin,
  ...waysToJoin.map((variant) => ({
    ...variant,
    name: `${variant.name}, without authorization directives`,
    authorizationDirectives: false,
  })),
  {
    name: "directory, another type keyed on a String",
    devices: rename(devices, { Device: "Asset", "id: ID!": "tag: String!", '"id"': '"tag"' }),
    join: { typeName: "Asset", keyField: "tag", keyType: "String" },
  },
  {
    name: "directory, a key of whole numbers",
    devices: rename(devices, { "id: ID!": "number: Int!", '"id"': '"number"' }),
    join: { keyField: "number", keyType: "Int" },
  },
  {
    name: "external, other names throughout",
    devices: rename(readExample("devices.external.graphql"), {
      Device: "Machine",
      "id: ID!": "serial: ID!",
      '"id"': '"serial"',
      "certificateIds:": "credentials:",
    }),
    join: {
      typeName: "Machine",
      keyField: "serial",
      source: "external",
      external: { field: "credentials" },
    },
  },
  {
    name: "directory, a type with several keys",
    devices: rename(devices, {
      '@key(fields: "id")': '@key(fields: "id") @key(fields: "name site")',
    }),
  },
];

function rename(sdl: string, names: Readonly<Record<string, string>>): string {
  return Object.entries(names).reduce((text, [from, to]) => {
    expect(text).toContain(from);
    return text.replaceAll(from, to);
  }, sdl);
}

describe.each(variants)("$name", ({ devices, join, authorizationDirectives = true }) => {
  let subgraphs: readonly Subgraph[];

  beforeAll(async () => {
    const { sdl } = await createSchema({
      products,
      authorizationDirectives,
      ...(join !== undefined && { join }),
    });
    subgraphs = [
      { name: "devices", url: "http://devices/", sdl: devices },
      { name: "certificates", url: "http://certificates/graphql", sdl },
    ];
  });

  it.each(composers)("composes with %s, without a hint", (_, compose) => {
    expect(compose(subgraphs)).toEqual({ errors: [], hints: [] });
  });
});

describe("another subgraph that adds a field to every certificate", () => {
  const toOwners = (interfaces: readonly string[]): Subgraph => ({
    name: "owners",
    url: "http://owners/",
    sdl: `
      extend schema
        @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@interfaceObject", "@shareable"])
      ${interfaces
        .map(
          (name) =>
            `type ${name} @key(fields: "id") @interfaceObject { id: ID! owner: String @shareable }`,
        )
        .join("\n")}`,
  });

  const compose = async (by: Compose, owners: Subgraph) => {
    const { sdl } = await createSchema({ products });
    return by([{ name: "certificates", url: "http://certificates/graphql", sdl }, owners]);
  };

  it.each(composers)(
    "composes with %s when it adds the field to both interfaces",
    async (_, by) => {
      const owners = toOwners(["DeviceCertificate", "X509DeviceCertificate"]);
      expect(await compose(by, owners)).toEqual({ errors: [], hints: [] });
    },
  );

  it("is refused by @apollo/composition when it adds the field to one of them", async () => {
    const { errors } = await compose(composeWithApollo, toOwners(["DeviceCertificate"]));
    expect(errors.join()).toContain('"X509DeviceCertificate"');
  });
});
