// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { toConfigJsonSchema } from "../../src/config/index.ts";
import { products } from "./products.ts";
import { toSchemaKeys } from "./schema-keys.ts";

const schema = toConfigJsonSchema(products);
const accepts = (value: unknown) => z.fromJSONSchema({ ...schema }).safeParse(value).success;
const connections = [{ cloud: "tencent", region: "r", credentials: { source: "chain" } }];

describe("the configuration's JSON Schema", () => {
  it("is draft 2020-12", () => {
    expect(schema).toMatchObject({ $schema: "https://json-schema.org/draft/2020-12/schema" });
  });

  it("describes every key in one line", () => {
    const keys = toSchemaKeys(schema);
    expect(keys.length).toBeGreaterThan(60);
    for (const { path, description } of keys) {
      expect(description, path).toMatch(/^[^\n]{8,160}\.$/);
    }
  });

  it("tells in the description of every value its default, or that it is required", () => {
    for (const { path, description, hasChildren } of toSchemaKeys(schema)) {
      const isChoice = /\.(cloud|source)$/.test(path) || path === "connections[].endpoints";
      if (!hasChildren && !isChoice) expect(description, path).toMatch(/default|required/);
    }
  });

  it("accepts the contract's example, with its empty keys and references", async () => {
    const yaml = await readFile(new URL("every-default.yaml.txt", import.meta.url), "utf8");
    // Plain YAML wants quotes around references in braces.
    const plain = yaml.replace(/(?<=\{.*)(\$\{\w+\})/g, '"$1"');
    expect(accepts(parse(plain))).toBe(true);
  });

  it("takes a reference wherever the loader converts one", () => {
    const server = { port: "${PORT}", explorer: "${X:-false}", host: "${HOST}" };
    const auth = { mode: "${MODE}", gateway: { token: "${T}" } };
    expect(accepts({ connections, server, auth })).toBe(true);
    expect(accepts({ connections, auth: { gateway: { token: ["${T}", "${file:next}"] } } })).toBe(
      true,
    );
  });

  it("refuses unknown keys, wrong types and numbers out of bounds", () => {
    expect(accepts({ connections })).toBe(true);
    expect(accepts({})).toBe(false);
    expect(accepts({ connections: [] })).toBe(false);
    expect(accepts({ connections, bogus: 1 })).toBe(false);
    expect(accepts({ connections, server: { port: "4001" } })).toBe(false);
    expect(accepts({ connections, server: { port: 70_000 } })).toBe(false);
    expect(accepts({ connections, auth: { mode: "open" } })).toBe(false);
    expect(accepts({ connections: [{ ...connections[0], iotInstanceId: "x" }] })).toBe(false);
  });
});
