import "reflect-metadata";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

let emulator: Emulator;
let subgraph: TestSubgraph;
let ids: readonly string[];

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 2 });
  subgraph = await startTestSubgraph({ connections: toConnections(emulator) });
  ids = emulator.fleet.products.map((product) => product.at(1).id);
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

/** A question for one certificate. */
const byId = (id: string, selection = "id") =>
  `{ deviceCertificate(id: "${id}") { ${selection} } }`;

describe("whoever makes a mistake", () => {
  it.each([
    [
      "asks for a field that only X.509 certificates have",
      byId("tencent-ssl:default:a", "notAfter"),
      "GRAPHQL_VALIDATION_FAILED",
      'Cannot query field "notAfter" on type "DeviceCertificate"',
    ],
    [
      "asks two types for one name that may be null in one of them",
      byId(
        "tencent-ssl:default:a",
        "... on TencentMqttDeviceCertificate { clientId } ... on AliyunMqttDeviceCredential { clientId }",
      ),
      "GRAPHQL_VALIDATION_FAILED",
      "Use different aliases",
    ],
    [
      "forgets a variable",
      "query ($id: ID!) { deviceCertificate(id: $id) { id } }",
      "BAD_USER_INPUT",
      'Variable "$id" of required type "ID!" was not provided',
    ],
    [
      "forgets an argument",
      "{ deviceCertificate { id } }",
      "GRAPHQL_VALIDATION_FAILED",
      'argument "id" of type "ID!" is required',
    ],
    [
      "misspells the product",
      byId("tencent_ssl:default:a"),
      "BAD_USER_INPUT",
      'segment "product": expected one of tencent-mqtt, tencent-ssl, aliyun-iot, aliyun-mqtt',
    ],
    [
      "names a connection that is not configured",
      byId("tencent-ssl:prod:a"),
      "BAD_USER_INPUT",
      'segment "connection": expected one configured for tencent-ssl (default)',
    ],
    [
      "cuts an id off",
      byId("aliyun-iot:default:a1"),
      "BAD_USER_INPUT",
      'segment "DeviceName" is missing',
    ],
    [
      "wants to change something",
      "mutation { revoke(id: 1) }",
      "GRAPHQL_VALIDATION_FAILED",
      "this subgraph answers queries alone",
    ],
    [
      "subscribes",
      "subscription { deviceCertificate { id } }",
      "GRAPHQL_VALIDATION_FAILED",
      "this subgraph answers queries alone",
    ],
    ["does not close a bracket", "{ deviceCertificate", "GRAPHQL_PARSE_FAILED", "Syntax Error"],
  ])("and %s is told which, with the code for it", async (_what, query, code, message) => {
    const { errors } = await subgraph.ask(query);
    expect(errors?.map(({ extensions }) => extensions["code"])).toContain(code);
    expect(errors?.[0]?.message).toContain(message);
    expect(JSON.stringify(errors)).not.toMatch(/INTERNAL_SERVER_ERROR|stack/);
  });
});

describe("fragments", () => {
  it("match by either interface and by the type, with the type's name wherever it is asked for", async () => {
    const { data, errors } = await subgraph.ask(
      `query ($ids: [ID!]!) {
        deviceCertificates(ids: $ids) {
          __typename
          ... on DeviceCertificate {
            asCertificate: __typename
            id
            ... on X509DeviceCertificate {
              asX509: __typename
              commonName
              ... on TencentMqttDeviceCertificate { asItself: __typename }
            }
          }
          ... on TencentSslCertificate { asItself: __typename ... on DeviceCertificate { status } }
          ... on AliyunIotDeviceCertificate { asItself: __typename }
          ... on AliyunMqttDeviceCredential { asItself: __typename }
        }
      }`,
      { ids },
    );
    expect(errors).toBeUndefined();
    for (const [place, type] of [
      "TencentMqttDeviceCertificate",
      "TencentSslCertificate",
      "AliyunIotDeviceCertificate",
      "AliyunMqttDeviceCredential",
    ].entries()) {
      const isX509 = type !== "AliyunMqttDeviceCredential";
      expect(data.deviceCertificates[place]).toEqual({
        __typename: type,
        asCertificate: type,
        asItself: type,
        id: ids[place],
        ...(isX509 && { asX509: type, commonName: expect.any(String) }),
        ...(type === "TencentSslCertificate" && { status: expect.any(String) }),
      });
    }
  });
});
