// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { loadConfig, toConfigJsonSchema } from "../../src/config/index.ts";
import { createConfigFiles, MINIMAL, toLines, toRefusal } from "./config-files.ts";
import { products } from "./products.ts";
import { toSchemaKeys } from "./schema-keys.ts";

const files = createConfigFiles();
const refuse = async (yaml: string, env = {}) => toLines(await files.refuse(yaml, env));

const connection = (lines: string) => `${MINIMAL}${lines.replace(/^/gm, "    ")}\n`;

describe("the report", () => {
  it("names every mistake at once, in the order of the file, each with line and path", async () => {
    const yaml = `server:
  port: "4001"
  drainSecond: 3
connections:
  - cloud: tencent
    regin: ap-guangzhou
    credentials:
      accessKeyId: \${KEY_ID}
      accessKeySecret: hunter2
  - cloud: azure
    name: a b
    region: eu-1
secrets: { mode: sealed }
`;
    const path = await files.write("many.yaml", yaml);
    const error = await toRefusal(
      loadConfig(path, { products, takenTypeNames: new Set(), env: {} }),
    );
    expect(error.message.split("\n")).toEqual([
      `${path}: 9 mistakes`,
      '  line 2   server.port                             expected a whole number from 0 to 65535, came "4001"',
      '  line 3   server.drainSecond                      unknown key; did you mean "drainSeconds"?',
      "  line 5   connections[0].region                   missing: expected a region such as ap-guangzhou: lower-case letters, digits and hyphens",
      '  line 6   connections[0].regin                    unknown key; did you mean "region"?',
      "  line 8   connections[0].credentials.accessKeyId  the environment variable KEY_ID is not set; ${KEY_ID:-…} gives a default",
      '  line 10  connections[1].cloud                    expected one of tencent, aliyun, came "azure"',
      "  line 10  connections[1].credentials              missing: expected a mapping with accessKeyId and accessKeySecret, or with source: chain",
      '  line 11  connections[1].name                     expected 1 to 64 letters, digits, dots, hyphens and underscores, came "a b"',
      "  line 13  secrets.mode                            secrets.mode: sealed needs auth.mode jwt or gateway, came none",
    ]);
  });

  it("counts one mistake as one", async () => {
    expect((await files.refuse(`${MINIMAL}bogus: 1\n`)).message).toMatch(/: 1 mistake\n/);
  });

  it("never holds a value below credentials, token or url, nor one from a variable or file", async () => {
    await files.write("secret.txt", "hunter2 in a file");
    const yaml = `connections:
  - cloud: tencent
    region: \${SECRET}
    credentials: { accessKeyId: hunter2 x, accessKeySecret: [hunter2], securityToken: 1234567, hunter2:x, hunter2hunter2: a, accesKeyId: hunter2 }
    endpoints: { mqtt: "https://user:hunter2@host", ssl: "https://host/?token=hunter2" }
  - cloud: tencent
    name: other
    region: \${file:secret.txt}
    credentials: hunter2
    quota: { share: "\${SECRET}" }
auth: { mode: gateway, gateway: { token: hunter2, hunter2hunter2: x } }
redis: { url: "http://:hunter2@redis", url:hunter2: }
server: { host: "\${SECRET}", port: "\${NUMBER}", "hunter2:": 1 }
`;
    const error = await files.refuse(yaml, { SECRET: "hunter2 hunter2", NUMBER: "1234567" });
    expect(error.problems.length).toBeGreaterThan(12);
    expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toMatch(
      /hunter2|1234567/,
    );
  });

  it("never holds what a variable gave, whichever key it was given to", async () => {
    const paths = toSchemaKeys(toConfigJsonSchema(products)).map(({ path }) => path.split("."));
    for (const path of paths) {
      const wrong = path.reduceRight<unknown>(
        (value, step) =>
          step.endsWith("[]") ? { [step.slice(0, -2)]: [value] } : { [step]: value },
        "${S}",
      );
      const error = await files.refuse(stringify(wrong), { S: "hunter2 \n\u0000 hunter2" });
      expect(error.message, path.join(".")).not.toContain("hunter2");
    }
  });

  it("does not quote the file where the YAML itself is wrong", async () => {
    for (const mistake of [
      'accessKeySecret: "hunter2',
      "accessKeySecret: @hunter2",
      'accessKeySecret: "\\hunter2"',
      "accessKeySecret: hunter2: x",
      "{ accessKeySecret: hunter2 ] ",
      "accessKeySecret: *hunter2",
      "accessKeySecret: !hunter2 x",
      "a: 'b' hunter2",
    ]) {
      const error = await files.refuse(mistake);
      expect(error.message).toMatch(/ line 1 .*(column \d+: |an alias)/);
      expect(error.message).not.toContain("hunter2");
    }
  });
});

describe("a file that is no configuration", () => {
  const load = (path: string) =>
    toRefusal(loadConfig(path, { products, takenTypeNames: new Set(), env: {} }));

  it("is named with what is wrong with it", async () => {
    const path = await files.write("empty.yaml", "# nothing\n");
    expect((await load(path)).message).toBe(
      `${path}: 1 mistake\n  is empty; \`connections\` is needed at least`,
    );
    const absent = `${path}.absent`;
    expect((await load(absent)).message).toBe(`${absent}: 1 mistake\n  does not exist`);
    const folder = join(dirname(path), "config.d");
    await mkdir(folder);
    expect(toLines(await load(folder))).toEqual([": is a folder, not a file"]);
    const binary = await files.write("binary.yaml", Uint8Array.of(0xff, 0xff));
    expect(toLines(await load(binary))).toEqual([": is not UTF-8 text"]);
    const large = await files.write("large.yaml", "#".repeat(1024 * 1024 + 1));
    expect(toLines(await load(large))).toEqual([": is larger than 1 MiB"]);
  });

  it.each(["[]", "- a", "text", "3", "true", "${X:-}"])("is refused: %s", async (yaml) => {
    expect(await refuse(yaml)).toEqual([": expected a mapping of keys such as `connections:`"]);
  });

  it("has at least one connection", async () => {
    const expected = "expected a list of at least one connection";
    expect(await refuse("connections: []")).toEqual([`connections: ${expected}, came a list`]);
    expect(await refuse("connections:")).toEqual([`connections: missing: ${expected}`]);
    expect(await refuse("{}")).toEqual([`connections: missing: ${expected}`]);
    expect(await refuse("connections: [null]")).toEqual([
      "connections[0]: expected a mapping, came nothing",
    ]);
  });
});

describe("YAML", () => {
  it("has each key once", async () => {
    const error = await files.refuse(`${MINIMAL}server:\n  port: 1\n  port: 2\nbogus: 1\n`);
    expect(error.problems.map(({ line, message }) => [line, message])).toEqual([
      [7, "column 3: this key stands twice in its mapping"],
      [8, expect.stringContaining("unknown key")],
    ]);
  });

  it("is one document", async () => {
    expect((await refuse(`${MINIMAL}---\n${MINIMAL}`))[0]).toContain("a second YAML document");
  });

  it("is version 1.2, also where the file says otherwise: off is a text", async () => {
    const config = await files.load(`%YAML 1.1\n---\n${MINIMAL}secrets: { mode: off }\n`);
    expect(config.secrets.mode).toBe("off");
    expect(await refuse(`${MINIMAL}auth: { allowAnonymous: yes }\n`)).toEqual([
      'auth.allowAnonymous: expected true or false, came "yes"',
    ]);
  });

  it("cannot grow without end through aliases", async () => {
    const bomb = ["a0: &a0 [x, x]"];
    for (let i = 1; i < 30; i++) bomb.push(`a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`);
    expect((await refuse(bomb.join("\n"))).join()).toContain("too much: aliases repeat each other");
    expect((await refuse("a: &a { b: *a, c: *a }")).join()).toContain("too much");
  });

  it("cannot nest too deeply", async () => {
    expect((await refuse(`a: ${"[".repeat(60)}${"]".repeat(60)}`)).join()).toContain("too much");
  });

  it("cannot reach prototypes through keys", async () => {
    expect(await refuse(`${MINIMAL}__proto__: { server: { port: 1 } }\n`)).toHaveLength(1);
    expect(
      await refuse(`${MINIMAL}server: { __proto__: { port: 1 }, constructor: 1 }\n`),
    ).toHaveLength(2);
  });
});

describe("rules between keys", () => {
  it.each([
    "0.0.0.0",
    '"::"',
    '"0:0:0:0:0:0:0:0"',
    '"::ffff:0.0.0.0"',
    "192.168.1.1",
    "example.com",
    "128.0.0.1",
    "127.example.com",
    "'127.1'",
    "localhost.example.com",
    "localhost.",
  ])("auth.mode: none is refused on %s", async (host) => {
    expect(await refuse(`${MINIMAL}server: { host: ${host} }\n`)).toEqual([
      expect.stringMatching(/^server\.host: auth\.mode: none is refused .* auth\.allowAnonymous/),
    ]);
  });

  it("auth.mode: gateway needs one or two tokens of at least 16 characters", async () => {
    const gateway = (token: string) =>
      refuse(`${MINIMAL}auth: { mode: gateway, gateway: { token: ${token} } }\n`);
    expect(await gateway("")).toEqual([
      "auth.gateway.token: missing: auth.mode: gateway needs a token",
    ]);
    const long = "0123456789abcdef";
    const expected = "expected one token, or a list of one or two, each of at least 16 characters";
    for (const token of [
      "short",
      "[]",
      `[${long}, short]`,
      `[${long}, ${long}, ${long}]`,
      `"${long} x"`,
      "{}",
      "17",
    ]) {
      const lines = await gateway(token);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/^auth\.gateway\.token/);
      expect(lines[0]).toContain(expected);
    }
  });

  it("auth.mode: jwt needs keys, and whose tokens for whom", async () => {
    const jwt = (keys: string) => refuse(`${MINIMAL}auth: { mode: jwt, jwt: { ${keys} } }\n`);
    const whom = "issuer: https://issuer.example, audience: certificates";
    expect(await jwt("")).toEqual([
      "auth.jwt.jwksUrl: missing: auth.mode: jwt needs jwksUrl, or publicKeyFile",
      expect.stringMatching(/^auth\.jwt\.issuer: missing/),
      expect.stringMatching(/^auth\.jwt\.audience: missing/),
    ]);
    expect(await jwt(`${whom}, jwksUrl: http://127.0.0.1/keys, publicKeyFile: keys.pem`)).toEqual([
      "auth.jwt.publicKeyFile: auth.jwt.jwksUrl is set as well; keys come from one of the two",
    ]);
    for (const keys of ["jwksUrl: http://127.0.0.1/keys", "publicKeyFile: keys.pem"]) {
      await expect(
        files.load(`${MINIMAL}auth: { mode: jwt, jwt: { ${whom}, ${keys} } }\n`),
      ).resolves.toBeDefined();
    }
  });

  it.each(["none", "HS256", "HS512", "RSA-OAEP", "rs256"])(
    "tokens are not signed with %s",
    async (algorithm) => {
      expect(await refuse(`${MINIMAL}auth: { jwt: { algorithms: [${algorithm}] } }\n`)).toEqual([
        expect.stringMatching(/^auth\.jwt\.algorithms\[0\]: expected one of RS256/),
      ]);
    },
  );

  it("the headers of a gateway have names of their own, in whichever case", async () => {
    const gateway = (keys: string) => refuse(`${MINIMAL}auth: { gateway: { ${keys} } }\n`);
    for (const [keys, path] of [
      ["header: X-Scopes", "scopesHeader"],
      ["scopesHeader: X-Gateway-Token", "scopesHeader"],
      ["subjectHeader: x-SCOPES", "subjectHeader"],
    ] as const) {
      expect(await gateway(keys)).toEqual([
        `auth.gateway.${path}: another header of auth.gateway has this name`,
      ]);
    }
  });

  it("secrets.mode: sealed needs callers who are known", async () => {
    const token = "0123456789abcdef";
    expect(await refuse(`${MINIMAL}secrets: { mode: sealed }\n`)).toEqual([
      "secrets.mode: secrets.mode: sealed needs auth.mode jwt or gateway, came none",
    ]);
    expect(
      await refuse(`${MINIMAL}auth: { allowAnonymous: true }\nsecrets: { mode: sealed }\n`),
    ).toHaveLength(1);
    await expect(
      files.load(
        `${MINIMAL}auth: { mode: gateway, gateway: { token: ${token} } }\nsecrets: { mode: sealed }\n`,
      ),
    ).resolves.toBeDefined();
  });

  it("server.port and server.adminPort differ, unless both are any free port", async () => {
    expect(await refuse(`${MINIMAL}server: { adminPort: 4001 }\n`)).toEqual([
      "server.adminPort: server.port and server.adminPort must differ",
    ]);
    expect((await refuse(`${MINIMAL}server: { port: 4002 }\n`))[0]).toContain("server.port");
    await expect(
      files.load(`${MINIMAL}server: { port: 0, adminPort: 0 }\n`),
    ).resolves.toBeDefined();
  });

  it("connection names are unique within a cloud, and free across clouds", async () => {
    const two = (cloud: string) =>
      `${MINIMAL}  - { cloud: ${cloud}, name: default, region: r1, credentials: { source: chain } }\n`;
    expect(await refuse(two("tencent"))).toEqual([
      expect.stringMatching(/^connections\[1\]\.name: another connection of this cloud/),
    ]);
    await expect(files.load(two("aliyun"))).resolves.toBeDefined();
  });
});

describe("a connection is refused with", () => {
  it.each([
    ["name: 'a:b'", "connections[0].name"],
    [`name: ${"a".repeat(65)}`, "connections[0].name"],
    ["iotInstanceId: iot-1", "connections[0].iotInstanceId"],
    ["endpoints: { mqtt: ftp://host }", "connections[0].endpoints.mqtt"],
    ["endpoints: { mqtt: https://host/ }", "connections[0].endpoints.mqtt"],
    ["endpoints: { mqtt: https://host/path }", "connections[0].endpoints.mqtt"],
    ["endpoints: { mqtt: https://host?x }", "connections[0].endpoints.mqtt"],
    ["endpoints: { mqtt: 'https://user@host' }", "connections[0].endpoints.mqtt"],
    ["endpoints: { mqtt: 'https://host x' }", "connections[0].endpoints.mqtt"],
    ["endpoints: { mqtt: 'https://host:99999' }", "connections[0].endpoints.mqtt"],
    ["endpoints: { mqtt: host }", "connections[0].endpoints.mqtt"],
    ["endpoints: { iot: https://host }", "connections[0].endpoints.iot"],
    ["quota: { share: 0 }", "connections[0].quota.share"],
    ["quota: { share: 1.1 }", "connections[0].quota.share"],
    [
      "quota: { perSecond: { DescribeCertificate: 0 } }",
      "connections[0].quota.perSecond.DescribeCertificate",
    ],
    [
      "quota: { perSecond: { QueryDeviceCert: 5 } }",
      "connections[0].quota.perSecond.QueryDeviceCert",
    ],
  ])("%s", async (line, path) => {
    const problems = (await files.refuse(connection(line))).problems;
    expect(problems.map((problem) => [problem.path, problem.line])).toEqual([[path, 5]]);
  });

  it.each([
    ["{ accessKeyId: id }", ".accessKeySecret"],
    ["{ accessKeyId: id, accessKeySecret: }", ".accessKeySecret"],
    ["{ accessKeyId: id, accessKeySecret: 'a b' }", ".accessKeySecret"],
    ["{ source: chain, accessKeyId: id }", ".accessKeyId"],
    ["{ source: vault }", ".source"],
    ["chain", ""],
  ])("credentials %s", async (credentials, path) => {
    const yaml = MINIMAL.replace("{ source: chain }", credentials);
    const problems = (await files.refuse(yaml)).problems;
    expect(problems.map((problem) => problem.path)).toEqual([`connections[0].credentials${path}`]);
  });
});

describe("a number outside its bounds is refused with the bounds and what came", () => {
  it.each([
    ["server: { port: -1 }", "from 0 to 65535, came -1"],
    ["server: { drainSeconds: 3601 }", "from 0 to 3600, came 3601"],
    ["answer: { withinMs: 99 }", "from 100 to 600000, came 99"],
    ["answer: { maxEntities: 0 }", "from 1 to 100000, came 0"],
    ["cache: { maxEntries: 1.5 }", "from 1 to 10000000, came 1.5"],
    ["cache: { staleSeconds: .inf }", "from 0 to 31536000, came Infinity"],
    ["cache: { freshSeconds: { active: -5 } }", "from 0 to 31536000, came -5"],
  ])("%s", async (yaml, message) => {
    expect(await refuse(`${MINIMAL}${yaml}\n`)).toEqual([expect.stringContaining(message)]);
  });
});
