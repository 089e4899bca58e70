import "reflect-metadata";
import { createServer, type Server } from "node:http";
import { parse } from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createConfigSchema, toConfigJsonSchema } from "../../src/config/index.ts";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { products } from "../../src/providers/index.ts";
import { acmeRockets } from "../support/made-up-product/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

/** The one line. */
const withAcme = [...products, acmeRockets];

let emulator: Emulator;
let acme: Server;
let subgraph: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 4, seed: "third product" });
  const { pem } = emulator.fleet.tencentMqtt.at(0).x509.certificate;
  acme = createServer(({ url }, response) => {
    const certificate = { "/certificates/R-1": { payload: "probe", state: "flying", pem } }[
      url ?? ""
    ];
    response.writeHead(url?.endsWith("R-9") ? 500 : certificate ? 200 : 404);
    response.end(JSON.stringify(certificate));
  });
  await new Promise<void>((resolve) => acme.listen(0, "127.0.0.1", resolve));
  const address = acme.address();
  subgraph = await startTestSubgraph({
    products: withAcme,
    connections: [
      ...toConnections(emulator),
      {
        cloud: "acme",
        region: "moon-1",
        tenant: "lunar",
        credentials: { accessKeyId: "key", accessKeySecret: "not-a-real-secret" },
        endpoints: {
          rockets: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
        },
        quota: { perSecond: { GetCertificate: 40 } },
      },
    ],
  });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
  acme?.close();
});

const ID = "acme-rockets:default:R-1";
const expected = () => ({
  __typename: "AcmeDeviceCertificate",
  id: ID,
  provider: "ACME_CLOUD",
  status: "ACTIVE",
  commonName: emulator.fleet.tencentMqtt.at(0).x509.commonName,
  rocket: "R-1",
  payload: "probe",
  tenant: "lunar",
});
const FIELDS =
  "__typename id provider status ... on X509DeviceCertificate { commonName } ... on AcmeDeviceCertificate { rocket payload tenant }";

describe("a product that is added by one folder and one line", () => {
  it("answers through its own root field", async () => {
    expect(await subgraph.ask(`{ acmeDeviceCertificate(rocket: "R-1") { ${FIELDS} } }`)).toEqual({
      data: { acmeDeviceCertificate: expected() },
    });
  });

  it("answers through the fields of every product, next to the others", async () => {
    const other = emulator.fleet.aliyunMqtt.at(1).id;
    const { data, errors } = await subgraph.ask(
      `query ($ids: [ID!]!, $id: ID!) {
        deviceCertificates(ids: $ids) { ${FIELDS} }
        deviceCertificate(id: $id) { ${FIELDS} }
      }`,
      { ids: [other, ID, "acme-rockets:default:R-404"], id: ID },
    );
    expect(errors).toBeUndefined();
    expect(data.deviceCertificates).toMatchObject([{ id: other }, expected(), null]);
    expect(data.deviceCertificate).toEqual(expected());
  });

  it("answers as an entity, by its type and by the interfaces", async () => {
    const { data, errors } = await subgraph.ask(
      `query ($representations: [_Any!]!) {
        _entities(representations: $representations) { ... on DeviceCertificate { ${FIELDS} } }
      }`,
      {
        representations: [
          "AcmeDeviceCertificate",
          "X509DeviceCertificate",
          "DeviceCertificate",
        ].map((__typename) => ({ __typename, id: ID })),
      },
    );
    expect(errors).toBeUndefined();
    expect(data._entities).toEqual([expected(), expected(), expected()]);
  });

  it("has its mistakes and failures named like those of the others", async () => {
    const { data, errors = [] } = await subgraph.ask(
      "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id } }",
      { ids: ["acme-rockets:default:X", "acme-rockets:other:R-1", ID, "acme-rockets:default:R-9"] },
    );
    expect(data.deviceCertificates).toEqual([null, null, { id: ID }, null]);
    expect(errors).toMatchObject([
      { message: expect.stringContaining('segment "Rocket": expected R- and a number') },
      { message: expect.stringContaining('segment "connection"') },
      {
        path: ["deviceCertificates", 3],
        extensions: { code: "PROVIDER_UNAVAILABLE", provider: "acme-rockets" },
      },
    ]);
  });

  it("stands in the schema with its key and its descriptions", async () => {
    const { data } = await subgraph.ask("{ _service { sdl } }");
    expect(() => parse(data._service.sdl)).not.toThrow();
    expect(data._service.sdl).toMatch(
      /type AcmeDeviceCertificate implements X509DeviceCertificate & DeviceCertificate\s*@key\(fields: "id"\)/,
    );
    expect(data._service.sdl).toContain("ACME_CLOUD");
  });

  it("is counted under its own name", async () => {
    const metrics = await (await fetch(`${subgraph.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/provider="acme-rockets",connection="default",action="GetCertificate"/);
  });

  it("brings its own settings, endpoints and quotas into the configuration", () => {
    const schema = JSON.stringify(toConfigJsonSchema(withAcme));
    for (const word of ["tenant", "rockets", "GetCertificate", "Acme Cloud"])
      expect(schema).toContain(word);
    const { error } = createConfigSchema(withAcme).safeParse({
      connections: [{ cloud: "acme", region: "moon-1", credentials: { source: "chain" } }],
    });
    expect(error?.issues.map(({ path }) => path.join("."))).toEqual(["connections.0.tenant"]);
  });
});
