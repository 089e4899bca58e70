import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadSchemaConfig } from "../../src/config/index.ts";
import { createConfigFiles, MINIMAL, TAKEN_TYPE_NAMES, toLines } from "./config-files.ts";
import { products } from "./products.ts";

const files = createConfigFiles();
const refuse = async (yaml: string) => toLines(await files.refuse(`${MINIMAL}${yaml}\n`));

describe("join.directory.patterns", () => {
  const refusePattern = (device: string, certificate: string) =>
    refuse(`join: { directory: { patterns: [{ device: "{d}", certificate: "tencent-ssl:default:{d}" },
      { device: "${device}", certificate: "${certificate}" }] } }`);

  it.each([
    ["{a}{b}", "tencent-ssl:default:{a}", "device", "needs a text between {a} and {b}"],
    ["{a", "tencent-ssl:default:x", "device", "has a brace that belongs to no name"],
    ["{a}", "tencent-ssl:default:{b}", "certificate", "has {b}, which device does not have ({a})"],
    ["{a}", "acme:default:{a}", "certificate", 'segment "product": expected one of tencent-mqtt'],
    [
      "{a}",
      "aliyun-iot:default:{a}:x",
      "certificate",
      "expected one configured for aliyun-iot (none)",
    ],
    ["{a}", "tencent-ssl:other:{a}", "certificate", "configured for tencent-ssl (default), got"],
    ["{a}", "tencent-mqtt:default:{a}", "certificate", 'segment "DeviceCertificateSn" is missing'],
  ])("%s -> %s is refused at its path", async (device, certificate, part, message) => {
    expect(await refusePattern(device, certificate)).toEqual([
      expect.stringMatching(new RegExp(`^join\\.directory\\.patterns\\[1\\]\\.${part}: `)),
    ]);
    expect((await refusePattern(device, certificate)).join()).toContain(message);
  });

  it("are told all together, with the line of each", async () => {
    const { problems } = await files.refuse(`${MINIMAL}join:
  directory:
    patterns:
      - device: "{a}{b}"
        certificate: "tencent-ssl:default:{a}"
      - device: "{a}"
        certificate: "tencent-ssl:default"
`);
    expect(problems.map(({ line, path }) => [line, path])).toEqual([
      [8, "join.directory.patterns[0].device"],
      [11, "join.directory.patterns[1].certificate"],
    ]);
  });

  it("may name any configured connection", async () => {
    const config =
      await files.load(`${MINIMAL}  - { cloud: tencent, name: b, region: r, credentials: { source: chain } }
join: { directory: { patterns: [{ device: "{d}", certificate: "tencent-ssl:b:{d}" }] } }
`);
    expect(config.join.directory.patterns).toHaveLength(1);
  });
});

describe("join.directory.file", () => {
  const withFile = (file: string) => `${MINIMAL}join: { directory: { file: ${file} } }\n`;

  it("starts from the folder of the configuration", async () => {
    const path = await files.write("devices.csv", "deviceId,certificateId\n");
    const config = await files.load(withFile("./devices.csv"));
    expect(config.join.directory.file).toBe(path);
    expect((await files.load(withFile(path))).join.directory.file).toBe(path);
  });

  it("must be there", async () => {
    expect(await refuse("join: { directory: { file: nowhere.csv } }")).toEqual([
      "join.directory.file: the file does not exist",
    ]);
  });

  it("must be no folder", async () => {
    await mkdir(join(dirname(await files.write("any", "")), "folder.csv"), { recursive: true });
    expect(await refuse("join: { directory: { file: folder.csv } }")).toEqual([
      "join.directory.file: the file is a folder",
    ]);
  });

  it("is not looked for when the source is another", async () => {
    const yaml = `${MINIMAL}join: { source: external, directory: { file: nowhere.csv } }\n`;
    await expect(files.load(yaml)).resolves.toBeDefined();
  });
});

describe("a configuration that is read for its schema alone", () => {
  const load = async (yaml: string) =>
    loadSchemaConfig(await files.write("schema.yaml", yaml), {
      products,
      takenTypeNames: TAKEN_TYPE_NAMES,
      env: { TYPE: "Asset" },
    });

  it("needs neither the variables nor the files of what serves", async () => {
    const { join: names, schema } = await load(`connections:
  - cloud: tencent
    region: ap-guangzhou
    credentials: { accessKeyId: \${NOT_SET}, accessKeySecret: \${file:nowhere} }
auth: { mode: gateway, gateway: { token: \${NOT_SET_EITHER} } }
join: { typeName: "\${TYPE}", directory: { file: nowhere.csv } }
schema: { authorizationDirectives: false }
`);
    expect(names).toMatchObject({ typeName: "Asset", keyField: "id", source: "directory" });
    expect(schema.authorizationDirectives).toBe(false);
  });

  it("is refused for what is wrong in it, and for keys that nobody knows", async () => {
    const error = await load(
      `${MINIMAL}jion: {}\njoin: { keyField: 7, typeName: Query }\nserver: 1\n`,
    ).catch((reason) => reason);
    expect(toLines(error).map((line) => line.split(":", 1)[0])).toEqual([
      "jion",
      "join.keyField",
      "join.typeName",
    ]);
  });
});

describe("the names of join", () => {
  it.each([
    ["typeName: DeviceCertificate", "join.typeName"],
    ["typeName: Query", "join.typeName"],
    ["typeName: TencentTag", "join.typeName"],
    ["typeName: federation__Scope", "join.typeName"],
    ["typeName: a-b", "join.typeName"],
    ["typeName: __Device", "join.typeName"],
    ["keyField: certificates", "join.keyField"],
    ["keyType: Float", "join.keyType"],
    ["source: external, external: { field: certificate }", "join.external.field"],
    ["source: external, external: { field: id }", "join.external.field"],
    ["source: external, keyField: certificateIds", "join.external.field"],
  ])("%s is taken or no name", async (yaml, path) => {
    expect(await refuse(`join: { ${yaml} }`)).toEqual([expect.stringMatching(`^${path}: `)]);
  });
});
