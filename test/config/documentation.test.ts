import "reflect-metadata";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { toConfigJsonSchema } from "../../src/config/index.ts";
import { products } from "../../src/providers/index.ts";
import { createConfigFiles } from "./config-files.ts";
import { toSchemaKeys } from "./schema-keys.ts";

const files = createConfigFiles(products);
const source = await readFile(new URL("../../docs/configuration.md", import.meta.url), "utf8");
// The formatter pads the cells of tables.
const page = source.replace(/ +\|/g, " |");
const keys = toSchemaKeys(toConfigJsonSchema(products));

describe("docs/configuration.md", () => {
  it("has an example that loads", async () => {
    const example = /<!-- example: .*-->\n```yaml\n(.*?)```/s.exec(page)?.[1] ?? "";
    const config = await files.load(example, {
      TENCENTCLOUD_SECRET_ID: "id",
      TENCENTCLOUD_SECRET_KEY: "key",
      GATEWAY_TOKEN: "0123456789abcdef",
    });
    expect(config.connections.map(({ cloud }) => cloud)).toEqual(["tencent", "aliyun"]);
    for (const key of new Set(keys.map(({ path }) => path.replace(/^.*[.[\]]/, "")))) {
      const isElsewhere = /^(device|certificate|[A-Z]\w+)$/.test(key);
      if (!isElsewhere) expect(example, key).toMatch(new RegExp(`\\b${key}:`));
    }
  });

  it("mentions every key, with its default", () => {
    for (const { path, default: byDefault, hasChildren } of keys) {
      const action = /^connections\[\]\.quota\.perSecond\.(\w+)$/.exec(path)?.[1];
      if (action !== undefined) {
        expect(page, path).toContain(`\`${action}\``);
      } else if (path.includes(".") && byDefault !== undefined && !hasChildren) {
        expect(page, path).toContain(`| \`${path}\` | \`${byDefault}\` |`);
      } else {
        expect(page, path).toContain(`\`${path}\``);
      }
    }
  });

  it("mentions no key that is not there", () => {
    const known = new Set(keys.map(({ path }) => path));
    const documented = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => String(match[1]));
    const rows = documented.filter((path) => !path.includes("$"));
    expect(rows.length).toBeGreaterThan(40);
    expect(rows.filter((path) => !known.has(path))).toEqual([]);
  });
});
