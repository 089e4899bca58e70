import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { toAllProductsVariables } from "../support/all-products.ts";
import { toExpectedSubmittedData } from "../support/expected-certificate.ts";
import { readOperation } from "../support/operations.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const TOKEN = "not-a-real-token-0001";
const READ = "device-certificate:read";
const PERSONAL = "device-certificate:personal:read";
const OPERATIONS = "device-certificate:operations:read";
const SECRET = "device-certificate:secret:read";

const ALL_PRODUCTS = readOperation("all-products");
const PERSONAL_DATA = readOperation("personal-data");
const SEALED_FIELDS = readOperation("sealed-fields");

let emulator: Emulator;
let open: TestSubgraph;
let guarded: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 8, seed: "scopes", quotas: "off" });
  const connections = toConnections(emulator, { callsPerSecond: 1000 });
  const auth = { mode: "gateway", gateway: { token: TOKEN } };
  [open, guarded] = await Promise.all([
    startTestSubgraph({ connections }),
    startTestSubgraph({ connections, sections: { auth } }),
  ]);
});

afterAll(async () => {
  await open?.close();
  await guarded?.close();
  await emulator?.close();
});

/** Asks behind the gateway as a caller with these scopes. */
const askAs = (scopes: string, query: string, variables: Record<string, unknown>) =>
  guarded.ask(query, variables, { "x-gateway-token": TOKEN, "x-scopes": scopes });

const toPersonalVariables = () => ({
  certificateId: emulator.fleet.tencentSsl.at(0).certificateId,
});
const toSealedVariables = () => ({
  iot: emulator.fleet.aliyunIot.at(0).id,
  mqtt: emulator.fleet.aliyunMqtt.at(0).id,
  ssl: emulator.fleet.tencentSsl.at(0).id,
  recipient: "{}",
});

describe("a caller without device-certificate:read", () => {
  it.each(["", PERSONAL, `${READ}x`, "device-certificate", READ.toUpperCase()])(
    "is refused by every root field and by _entities, and no cloud is asked (scopes: %j)",
    async (scopes) => {
      emulator.calls.reset();
      const { data, errors = [] } = await askAs(
        scopes,
        ALL_PRODUCTS,
        toAllProductsVariables(emulator, 1),
      );
      // The type of _entities admits no null.
      expect(data).toBeNull();
      expect(errors.map(({ path }) => path?.join("."))).toContain("_entities");
      expect(emulator.calls.toJson()).toEqual({});
    },
  );

  it("gets FORBIDDEN with the scope at the path of every root field", async () => {
    const { representations: _, ...variables } = toAllProductsVariables(emulator, 1);
    const withoutEntities = ALL_PRODUCTS.replace(/\n {2}_entities[\s\S]*?\n {2}\}\n/, "\n").replace(
      /\n.*_Any.*\n/,
      "\n",
    );
    const { data, errors = [] } = await askAs(PERSONAL, withoutEntities, variables);
    expect(Object.values(data)).toEqual([null, null, null, null, null]);
    expect(errors.map(({ path }) => path?.[0]).toSorted()).toEqual(Object.keys(data).toSorted());
    for (const { extensions } of errors)
      expect(extensions).toEqual({ code: "FORBIDDEN", requiredScopes: [READ] });
  });

  it("gets FORBIDDEN for a single id as well", async () => {
    const { errors } = await askAs("", "query ($id: ID!) { deviceCertificate(id: $id) { id } }", {
      id: emulator.fleet.tencentSsl.at(0).id,
    });
    expect(errors).toMatchObject([
      { path: ["deviceCertificate"], extensions: { code: "FORBIDDEN", requiredScopes: [READ] } },
    ]);
  });

  it("may still compose: the schema is no secret", async () => {
    const { data } = await askAs("", "{ _service { sdl } }", {});
    expect(data._service.sdl).toContain("interface DeviceCertificate");
  });
});

describe("personal data", () => {
  it("is refused where nobody is authenticated, and the rest is delivered", async () => {
    const { data, errors } = await open.ask(PERSONAL_DATA, toPersonalVariables());
    const { id, domain } = emulator.fleet.tencentSsl.at(0);
    expect(data.tencentSslCertificate).toEqual({ id, domain, submittedData: null });
    expect(errors).toHaveLength(1);
    expect(errors).toMatchObject([
      {
        path: ["tencentSslCertificate", "submittedData"],
        extensions: { code: "FORBIDDEN", requiredScopes: [PERSONAL] },
      },
    ]);
  });

  it("is refused to a caller who may only read, whatever scopes the request names in mode none", async () => {
    const behind = await askAs(READ, PERSONAL_DATA, toPersonalVariables());
    const named = await open.ask(PERSONAL_DATA, toPersonalVariables(), {
      "x-scopes": `${READ} ${PERSONAL}`,
      "x-gateway-token": TOKEN,
    });
    for (const { data, errors } of [behind, named]) {
      expect(data.tencentSslCertificate.submittedData).toBeNull();
      expect(errors).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
    }
  });

  it("is delivered to a caller with the scope: every field but the password", async () => {
    for (const index of [0, 1, 2, 3]) {
      const certificate = emulator.fleet.tencentSsl.at(index);
      const { certificateId } = certificate;
      const { data, errors } = await askAs(`${READ} ${PERSONAL}`, PERSONAL_DATA, { certificateId });
      expect(errors).toBeUndefined();
      expect(data.tencentSslCertificate.submittedData).toEqual(
        toExpectedSubmittedData(certificate),
      );
    }
  });

  it("is delivered whichever way the scopes are separated", async () => {
    for (const scopes of [
      `${READ},${PERSONAL}`,
      ` ${PERSONAL} ,  ${READ} `,
      `${READ}\t${PERSONAL}`,
    ])
      expect((await askAs(scopes, PERSONAL_DATA, toPersonalVariables())).errors).toBeUndefined();
  });
});

describe("sealed fields", () => {
  it("are refused without the scope, each at its path, and the rest is delivered", async () => {
    const { iot, mqtt, ssl } = toSealedVariables();
    const { data, errors = [] } = await askAs(
      `${READ} ${PERSONAL}`,
      SEALED_FIELDS,
      toSealedVariables(),
    );
    expect(data).toEqual({
      iot: { id: iot, sealedPrivateKey: null },
      mqtt: { id: mqtt, sealedDeviceAccessKeySecret: null },
      ssl: {
        id: ssl,
        submittedData: { verifyType: "DNS", sealedKeyPassword: null },
      },
    });
    expect(errors.map(({ path }) => path?.join(".")).toSorted()).toEqual([
      "iot.sealedPrivateKey",
      "mqtt.sealedDeviceAccessKeySecret",
      "ssl.submittedData.sealedKeyPassword",
    ]);
    for (const { extensions } of errors)
      expect(extensions).toEqual({ code: "FORBIDDEN", requiredScopes: [SECRET] });
  });

  it("are disabled with the scope while secrets.mode is off", async () => {
    const { errors = [] } = await askAs(
      `${READ} ${PERSONAL} ${SECRET}`,
      SEALED_FIELDS,
      toSealedVariables(),
    );
    expect(errors).toHaveLength(3);
    for (const { extensions } of errors) expect(extensions).toEqual({ code: "SECRETS_DISABLED" });
  });

  it("are refused where nobody is authenticated", async () => {
    const { errors = [] } = await open.ask(SEALED_FIELDS, toSealedVariables());
    expect(new Set(errors.map(({ extensions }) => extensions["code"]))).toEqual(
      new Set(["FORBIDDEN"]),
    );
  });

  it("need their recipient", async () => {
    const { errors = [] } = await askAs(
      `${READ} ${SECRET}`,
      "query ($id: ID!) { deviceCertificate(id: $id) { ... on AliyunIotDeviceCertificate { sealedPrivateKey } } }",
      { id: emulator.fleet.aliyunIot.at(0).id },
    );
    expect(errors[0]?.message).toContain("recipient");
  });
});

describe("the use of the quotas", () => {
  const QUERY = "{ providerQuotas { provider connection action circuit } }";

  it("is told where nobody is authenticated, which is on the loopback address alone", async () => {
    const { data, errors } = await open.ask(QUERY);
    expect(errors).toBeUndefined();
    expect(data.providerQuotas).toContainEqual({
      provider: "aliyun-iot",
      connection: "default",
      action: "QueryDeviceCert",
      circuit: "CLOSED",
    });
  });

  it("needs its own scope behind a gateway", async () => {
    const { data, errors } = await askAs(`${READ} ${SECRET}`, QUERY, {});
    expect(data).toEqual({ providerQuotas: null });
    expect(errors).toMatchObject([
      { extensions: { code: "FORBIDDEN", requiredScopes: [OPERATIONS] } },
    ]);
    expect((await askAs(OPERATIONS, QUERY, {})).errors).toBeUndefined();
  });
});

describe("without the authorization directives in the schema", () => {
  it("the scopes are enforced all the same", async () => {
    const subgraph = await startTestSubgraph({
      connections: toConnections(emulator),
      sections: { schema: { authorizationDirectives: false } },
    });
    try {
      const { data } = await subgraph.ask("{ _service { sdl } }");
      expect(data._service.sdl).not.toMatch(/@requiresScopes\(/);
      const { errors } = await subgraph.ask(PERSONAL_DATA, toPersonalVariables());
      expect(errors).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
    } finally {
      await subgraph.close();
    }
  });
});
