// Representations that no JSON can hold, given to the resolver itself.
import "reflect-metadata";
import { type GraphQLResolveInfo, Kind } from "graphql";
import { describe, expect, it } from "vitest";
import { CacheTags } from "../../src/cache-tags.ts";
import type { RequestContext } from "../../src/context.ts";
import {
  createEntitiesResolver,
  type EntityType,
  readField,
} from "../../src/device-certificate/entities.ts";

const gadget: EntityType = {
  typeName: "Gadget",
  createReader: () => (representation) => ({ id: readField(representation, "id") }),
};
const resolve = createEntitiesResolver([], [gadget]);

const contextOf = (...scopes: readonly string[]) =>
  ({
    caller: { scopes: new Set(scopes) },
    maxEntities: 100,
    cacheTags: new CacheTags(),
  }) as unknown as RequestContext;
const context = contextOf();
const info = {
  fieldNodes: [{ kind: Kind.FIELD, name: { kind: Kind.NAME, value: "_entities" } }],
  fragments: {},
  variableValues: {},
} as unknown as GraphQLResolveInfo;
const good = { __typename: "Gadget", id: "good" };

const throwing = () => {
  throw new Error("a trap");
};

describe("createEntitiesResolver", () => {
  it.each<[string, unknown, unknown]>([
    [
      "a key that throws when it is read",
      {
        __typename: "Gadget",
        get id() {
          return throwing();
        },
      },
      "a trap",
    ],
    [
      "an inherited key",
      Object.assign(Object.create({ id: "inherited" }), { __typename: "Gadget" }),
      { id: undefined },
    ],
    ["no prototype", Object.assign(Object.create(null), good), { id: "good" }],
  ])("resolves one with %s, and its neighbours", async (_, representation, expected) => {
    const entities = await resolve(
      undefined,
      { representations: [good, representation, good] },
      context,
      info,
    );
    const values = entities.map((entity) => (entity instanceof Error ? entity.message : entity));
    expect(values).toEqual([{ id: "good" }, expected, { id: "good" }]);
  });

  it("refuses everything at once for a caller without the scope, unless all are of other types", async () => {
    const bad = [
      { __typename: "DeviceCertificate", id: "x" },
      new Proxy({}, { getOwnPropertyDescriptor: throwing }),
      {
        get __typename() {
          return throwing();
        },
      },
      7,
    ];
    for (const representation of bad) {
      expect(() =>
        resolve(undefined, { representations: [good, representation] }, context, info),
      ).toThrow("device-certificate:read");
    }
    expect(await resolve(undefined, { representations: [good] }, context, info)).toEqual([
      { id: "good" },
    ]);
  });

  it("gives one whose type cannot be read an error at its place", async () => {
    const reader = contextOf("device-certificate:read");
    const traps = [
      new Proxy({}, { getOwnPropertyDescriptor: throwing }),
      {
        get __typename() {
          return throwing();
        },
      },
    ];
    const entities = await resolve(
      undefined,
      { representations: [good, ...traps, good] },
      reader,
      info,
    );
    expect(entities.map((entity) => entity instanceof Error)).toEqual([false, true, true, false]);
  });
});
