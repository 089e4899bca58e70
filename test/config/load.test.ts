// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { createConfigFiles, MINIMAL } from "./config-files.ts";

const files = createConfigFiles();

const CONTRACT_ENV = {
  TENCENTCLOUD_SECRET_ID: "tencent-id",
  TENCENTCLOUD_SECRET_KEY: "tencent-key",
  ALIBABA_CLOUD_ACCESS_KEY_ID: "aliyun-id",
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: "aliyun-key",
};

describe("a configuration", () => {
  it("needs connections alone; every other key has a default", async () => {
    expect(await files.load(MINIMAL)).toEqual({
      server: {
        host: "127.0.0.1",
        port: 4001,
        adminPort: 4002,
        explorer: false,
        drainSeconds: 5,
      },
      connections: [
        {
          cloud: "tencent",
          name: "default",
          region: "ap-guangzhou",
          credentials: { source: "chain" },
          endpoints: {
            mqtt: "https://mqtt.tencentcloudapi.com",
            ssl: "https://ssl.tencentcloudapi.com",
          },
          quota: { share: 1, perSecond: {} },
          settings: {},
        },
      ],
      join: {
        typeName: "Device",
        keyField: "id",
        keyType: "ID",
        source: "directory",
        external: { field: "certificateIds" },
        directory: { patterns: [] },
      },
      answer: { withinMs: 10_000, maxEntities: 1000 },
      limits: {
        connections: 5000,
        concurrentRequests: 1000,
        waitMs: 1000,
        receiveSeconds: 10,
        idleSeconds: 75,
        bodyBytes: 8_388_608,
        receivingBytes: 134_217_728,
        urlBytes: 8192,
        headerBytes: 16_384,
        headers: 100,
        variableDepth: 1000,
        variableValues: 500_000,
        queryCharacters: 262_144,
        tokens: 10_000,
        depth: 25,
        definitions: 200,
        aliases: 50,
        directives: 50,
        repeatedFields: 50,
        selections: 5000,
        cost: 500_000,
        errors: 5000,
      },
      cache: {
        maxEntries: 100_000,
        freshSeconds: {
          active: 3600,
          inactive: 3600,
          pending: 60,
          expired: 86_400,
          revoked: 86_400,
          failed: 300,
          notFound: 60,
        },
        staleSeconds: 86_400,
      },
      redis: { keyPrefix: "device-certificates:" },
      auth: {
        mode: "none",
        allowAnonymous: false,
        jwt: {
          scopeClaim: "scope",
          algorithms: [
            "RS256",
            "RS384",
            "RS512",
            "PS256",
            "PS384",
            "PS512",
            "ES256",
            "ES384",
            "ES512",
            "EdDSA",
            "Ed25519",
          ],
        },
        gateway: {
          header: "x-gateway-token",
          token: [],
          scopesHeader: "x-scopes",
          subjectHeader: "x-subject",
        },
      },
      schema: { authorizationDirectives: true, introspection: "auto" },
      secrets: { mode: "off", maxPerOperation: 100 },
    });
  });

  it("names files from its own folder on, unless they start with a slash", async () => {
    const path = await files.write("config.yaml", "");
    const load = (file: string) =>
      files.load(
        `${MINIMAL}secrets: { auditFile: ${file} }\nauth: { jwt: { publicKeyFile: ${file} } }\n`,
      );
    const relative = await load("kept/audit.log");
    expect(relative.secrets.auditFile).toBe(join(dirname(path), "kept/audit.log"));
    expect(relative.auth.jwt.publicKeyFile).toBe(join(dirname(path), "kept/audit.log"));
    expect((await load("/var/log/audit.log")).secrets.auditFile).toBe("/var/log/audit.log");
  });

  it("may be written out in full with every default, which changes nothing", async () => {
    const full = await readFile(new URL("every-default.yaml.txt", import.meta.url), "utf8");
    const { connections, ...rest } = await files.load(full, CONTRACT_ENV);
    const { connections: _, ...defaults } = await files.load(MINIMAL);
    expect(rest).toEqual(defaults);
    expect(connections.map(({ cloud, name, endpoints }) => ({ cloud, name, endpoints }))).toEqual([
      {
        cloud: "tencent",
        name: "default",
        endpoints: {
          mqtt: "https://mqtt.tencentcloudapi.com",
          ssl: "https://ssl.tencentcloudapi.com",
        },
      },
      {
        cloud: "aliyun",
        name: "default",
        endpoints: {
          iot: "https://iot.cn-shanghai.aliyuncs.com",
          mqtt: "https://onsmqtt.cn-shanghai.aliyuncs.com",
        },
      },
    ]);
  });

  it("may leave any key with a default empty", async () => {
    const empty = "server:\nanswer: { withinMs: }\nauth:\n  gateway:\n    token:\n";
    expect(await files.load(MINIMAL + empty)).toEqual(await files.load(MINIMAL));
  });

  it("may use anchors and aliases", async () => {
    const yaml = `connections:
  - cloud: tencent
    region: ap-guangzhou
    credentials: &keys { accessKeyId: id, accessKeySecret: key }
  - { cloud: tencent, name: second, region: ap-shanghai, credentials: *keys }
`;
    const { connections } = await files.load(yaml);
    expect(connections[1]?.credentials).toMatchObject({ accessKeyId: "id" });
  });
});

describe("a connection", () => {
  const aliyun = (lines: string) => `connections:
  - cloud: aliyun
    region: cn-beijing
    credentials: { source: static, accessKeyId: id, accessKeySecret: key, securityToken: token }
${lines}`;

  it("goes to the vendor's endpoints of its region, and to others where they are given", async () => {
    const { connections } = await files.load(
      aliyun("    endpoints: { mqtt: 'http://127.0.0.1:8080' }\n"),
    );
    expect(connections[0]?.endpoints).toEqual({
      iot: "https://iot.cn-beijing.aliyuncs.com",
      mqtt: "http://127.0.0.1:8080",
    });
  });

  it("has its cloud's own settings beside the ones of all clouds", async () => {
    const { connections } = await files.load(aliyun("    iotInstanceId: iot-060a\n"));
    expect(connections[0]?.settings).toEqual({ iotInstanceId: "iot-060a" });
  });

  it("leaves settings out that are empty", async () => {
    const { connections } = await files.load(aliyun("    iotInstanceId:\n"));
    expect(connections[0]?.settings).toEqual({});
  });

  it("overrides quotas by the cloud's action names", async () => {
    const quota = "    quota: { share: 0.5, perSecond: { QueryDeviceCert: 2.5 } }\n";
    const { connections } = await files.load(aliyun(quota));
    expect(connections[0]?.quota).toEqual({ share: 0.5, perSecond: { QueryDeviceCert: 2.5 } });
  });

  it("keeps its secrets out of any output", async () => {
    const config = await files.load(aliyun(""));
    const credentials = config.connections[0]?.credentials;
    if (credentials?.source !== "static") throw new Error("expected static credentials");
    expect(credentials.accessKeySecret.reveal()).toBe("key");
    expect(credentials.securityToken?.reveal()).toBe("token");
    expect(inspect(credentials)).toContain("accessKeySecret: <redacted>");
    expect(JSON.parse(JSON.stringify(credentials))).toEqual({
      source: "static",
      accessKeyId: "id",
      accessKeySecret: "<redacted>",
      securityToken: "<redacted>",
    });
  });
});

describe("auth.mode: gateway", () => {
  const gateway = (token: string) =>
    `${MINIMAL}auth:\n  mode: gateway\n  gateway:\n    header: X-Proof\n    token: ${token}\n`;

  it("takes one token", async () => {
    const { auth } = await files.load(gateway("0123456789abcdef"));
    expect(auth.gateway.token.map((token) => token.reveal())).toEqual(["0123456789abcdef"]);
    expect(auth.gateway.header).toBe("x-proof");
  });

  it("takes a list of two tokens for rotation, of which one may be empty", async () => {
    const list = gateway('["${file:old.txt}", "${NEXT:-}"]');
    await files.write("old.txt", "old-old-old-old-old\n");
    const one = await files.load(list);
    expect(one.auth.gateway.token.map((token) => token.reveal())).toEqual(["old-old-old-old-old"]);
    const two = await files.load(list, { NEXT: "new-new-new-new-new" });
    expect(two.auth.gateway.token).toHaveLength(2);
  });

  it("may listen on any address", async () => {
    const { server } = await files.load(
      `${gateway("0123456789abcdef")}server: { host: 0.0.0.0 }\n`,
    );
    expect(server.host).toBe("0.0.0.0");
  });
});

describe("auth.mode: none", () => {
  it.each(["127.0.0.1", "127.8.8.8", '"::1"', '"::ffff:127.0.0.1"', "localhost", "LocalHost"])(
    "serves on loopback: %s",
    async (host) => {
      await expect(files.load(`${MINIMAL}server: { host: ${host} }\n`)).resolves.toBeDefined();
    },
  );

  it("serves everyone when auth.allowAnonymous is true", async () => {
    const open = `${MINIMAL}server: { host: 0.0.0.0 }\nauth: { allowAnonymous: true }\n`;
    await expect(files.load(open)).resolves.toBeDefined();
  });
});
