// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createConfigFiles, MINIMAL, toLines } from "./config-files.ts";

const files = createConfigFiles();

/** Loads a text through `redis.keyPrefix`, which takes nearly any. */
const readPrefix = async (text: string, env = {}) =>
  (await files.load(`${MINIMAL}redis: { keyPrefix: ${text} }\n`, env)).redis.keyPrefix;
const refusePrefix = async (text: string, env = {}) =>
  toLines(await files.refuse(`${MINIMAL}redis: { keyPrefix: ${text} }\n`, env));

describe("${NAME}", () => {
  it("is the variable, alone or inside a text", async () => {
    expect(await readPrefix('"a-${X}-${Y}"', { X: "1", Y: "two" })).toBe("a-1-two");
  });

  it("needs no quotes inside braces", async () => {
    expect(await readPrefix("${X}", { X: "x:" })).toBe("x:");
    expect(await readPrefix("${X:-a,[b]:c}")).toBe("a,[b]:c");
  });

  it("is a mistake when the variable is not set", async () => {
    const message = await refusePrefix("${X}");
    expect(message).toEqual([
      "redis.keyPrefix: the environment variable X is not set; ${X:-…} gives a default",
    ]);
  });

  it("does not find what every object inherits", async () => {
    expect(await refusePrefix("${constructor}")).toHaveLength(1);
  });

  it("becomes a number or a truth value where the schema wants one", async () => {
    const yaml = `${MINIMAL}server: { port: "\${PORT}" }\nschema: { authorizationDirectives: "\${D}" }\n`;
    const config = await files.load(yaml, { PORT: "4567", D: "false" });
    expect(config.server.port).toBe(4567);
    expect(config.schema.authorizationDirectives).toBe(false);
  });

  it("stays a text where the schema wants a text, whatever it looks like", async () => {
    expect(await readPrefix("${X}", { X: "4001" })).toBe("4001");
  });

  it.each(["", "abc", "0x10", "4001; rm", "Infinity", "4001.5", "70000"])(
    "never becomes a port from %j",
    async (PORT) => {
      const yaml = `${MINIMAL}server: { port: "a", adminPort: "\${PORT}" }\n`;
      const problems = (await files.refuse(yaml, { PORT })).problems.map(({ path }) => path);
      expect(problems).toEqual(PORT === "" ? ["server.port"] : ["server.port", "server.adminPort"]);
    },
  );

  it("is one value: YAML and references in it stay as they are", async () => {
    const X = "a}:#&*!\n${Y}";
    const yaml = `connections:
  - cloud: aliyun
    region: cn-shanghai
    iotInstanceId: \${X}
    credentials: { source: chain }
`;
    const config = await files.load(yaml, { X, Y: "no" });
    expect(config.connections[0]?.settings).toEqual({ iotInstanceId: X });
  });

  it("is not replaced in keys", async () => {
    const problems = await files.refuse(`${MINIMAL}\${X}: 1\n`, { X: "server" });
    expect(toLines(problems)[0]).toMatch(/^: unknown key \(not shown\)/);
  });

  it("is left alone in comments", async () => {
    await expect(files.load(`${MINIMAL}# \${NOT_SET} { [\n`)).resolves.toBeDefined();
  });
});

describe("${NAME:-default}", () => {
  it("is the default when the variable is not set or empty", async () => {
    expect(await readPrefix("${X:-d}")).toBe("d");
    expect(await readPrefix("${X:-d}", { X: "" })).toBe("d");
    expect(await readPrefix("${X:-d}", { X: "x" })).toBe("x");
  });

  it("counts as not set when it is empty, and the key's own default holds", async () => {
    expect(await readPrefix("${X:-}")).toBe("device-certificates:");
    expect(await readPrefix("${X}", { X: "" })).toBe("device-certificates:");
  });

  it("leaves a required key missing when it is empty", async () => {
    const yaml = MINIMAL.replace("ap-guangzhou", "${REGION:-}");
    expect(toLines(await files.refuse(yaml))[0]).toMatch(
      /^connections\[0\]\.region: missing: expected a region .*, came a reference without text$/,
    );
  });
});

describe("$${", () => {
  it("is the characters ${", async () => {
    expect(await readPrefix('"$${X}"', { X: "no" })).toBe("${X}");
    expect(await readPrefix("$${X}-${X}", { X: "x" })).toBe("${X}-x");
  });
});

describe("a reference that cannot be read", () => {
  it.each(['"${"', '"${X"', '"${}"', '"${1X}"', '"${X-d}"', '"${hunter2 }"', '"${X:-{}}"'])(
    "is reported without its text: %s",
    async (text) => {
      const [line] = await refusePrefix(text);
      expect(line).toMatch(/^redis\.keyPrefix: a reference is (not closed|none of)/);
      expect(line).not.toContain("hunter2");
    },
  );
});

describe("${file:PATH}", () => {
  it("is the content of a file beside the configuration, without the space around it", async () => {
    await files.write("prefix.txt", "\n  from-file \r\n");
    expect(await readPrefix("${file:prefix.txt}")).toBe("from-file");
    expect(await readPrefix("${file:./prefix.txt}")).toBe("from-file");
  });

  it("takes an absolute path, and follows links as mounted secrets have them", async () => {
    const path = await files.write("real.txt", "linked");
    const link = join(dirname(path), "link.txt");
    await symlink(path, link);
    expect(await readPrefix(`\${file:${link}}`)).toBe("linked");
  });

  it("gives numbers too", async () => {
    await files.write("port.txt", "4321\n");
    const { server } = await files.load(`${MINIMAL}server: { port: "\${file:port.txt}" }\n`);
    expect(server.port).toBe(4321);
  });

  it("takes 64 KiB and no more", async () => {
    await files.write("large.txt", `${" ".repeat(64 * 1024 - 1)}x`);
    expect(await readPrefix("${file:large.txt}")).toBe("x");
    await files.write("large.txt", `${" ".repeat(64 * 1024)}x`);
    expect((await refusePrefix("${file:large.txt}"))[0]).toMatch(
      /large\.txt is larger than 64 KiB$/,
    );
  });

  it("reports a file that cannot be read, with its path", async () => {
    const path = await files.write("binary.txt", Uint8Array.of(0xff, 0xfe, 0x00));
    await mkdir(join(dirname(path), "folder"));
    const refuse = async (name: string) => (await refusePrefix(`"\${file:${name}}"`))[0];
    expect(await refuse("absent.txt")).toBe(
      `redis.keyPrefix: ${join(dirname(path), "absent.txt")} does not exist`,
    );
    expect(await refuse("folder")).toMatch(/folder is not a file$/);
    expect(await refuse("binary.txt")).toMatch(/binary\.txt is not UTF-8 text$/);
    expect(await refuse("binary.txt/x")).toMatch(/does not exist: a part of its path/);
    expect(await refuse("")).toMatch(/names no file$/);
  });
});
