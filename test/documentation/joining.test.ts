// Does what docs/joining-your-devices.md says: its schemas, its configurations, its queries, through a gateway.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { composeServices } from "@apollo/composition";
import { ApolloGateway, LocalGraphQLDataSource, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse as parseGraphQL } from "graphql";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parse as parseYaml } from "yaml";
import { parseCertificateId } from "../../src/certificate-id/index.ts";
import { createRowReader } from "../../src/device/directory-rows.ts";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, toConnections } from "../support/subgraph.ts";
import { ROOT, readText } from "./pages.ts";

const page = readText("docs/joining-your-devices.md");

/** The code block below a mark such as `<!-- config: directory -->`. */
function readBlock(mark: string): string {
  const [, code] = page.split(`<!-- ${mark} -->\n`)[1]?.match(/^```\w+\n(.*?)```/s) ?? [];
  if (code === undefined) throw new Error(`no block below ${mark}`);
  return code;
}

let folder: string;
let emulator: Emulator;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "joining-"));
  emulator = await startEmulator({ fleetSize: 6, seed: "joining", quotas: "off" });
});

afterAll(async () => {
  await emulator?.close();
  await rm(folder, { recursive: true, force: true });
});

type Resolvers =
  NonNullable<Parameters<typeof buildSubgraphSchema>[0]> extends infer Modules
    ? Modules extends readonly (infer Module)[]
      ? Module extends { readonly resolvers?: infer Map }
        ? Map
        : never
      : never
    : never;

/** The answer to the page's query for one way to join, with these resolvers in the devices' subgraph. */
async function runExample(
  way: string,
  resolvers: Resolvers,
  rows: readonly string[] = [],
  schemaOfDevices = readBlock(`devices: ${way}`),
) {
  const file = join(folder, "devices.csv");
  await writeFile(file, ["deviceId,certificateId", ...rows].join("\n"));
  const sections = parseYaml(readBlock(`config: ${way}`));
  if (sections.join?.directory) {
    expect(sections.join.directory.file).toBe("devices.csv");
    sections.join.directory.file = file;
  }
  const subgraph = await startTestSubgraph({ connections: toConnections(emulator), sections });
  onTestFinished(() => subgraph.close());
  const { data } = await subgraph.ask("{ _service { sdl } }");
  const devices = parseGraphQL(schemaOfDevices);
  const composed = composeServices([
    { name: "devices", url: "local", typeDefs: devices },
    { name: "certificates", url: subgraph.url, typeDefs: parseGraphQL(data._service.sdl) },
  ]);
  expect(composed.errors).toBeUndefined();
  expect(composed.hints).toEqual([]);
  const schema = buildSubgraphSchema([{ typeDefs: devices, resolvers }]);
  const gateway = new ApolloServer({
    gateway: new ApolloGateway({
      supergraphSdl: composed.supergraphSdl ?? "",
      buildService: ({ url = "" }) =>
        url === "local" ? new LocalGraphQLDataSource(schema) : new RemoteGraphQLDataSource({ url }),
    }),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    stopOnTerminationSignals: false,
  });
  onTestFinished(() => gateway.stop());
  const { body } = await gateway.executeOperation({ query: readBlock(`query: ${way}`) });
  if (body.kind !== "single") throw new Error("an incremental answer");
  const { errors, data: answered } = body.singleResult;
  expect(errors).toBeUndefined();
  return JSON.parse(JSON.stringify(answered));
}

describe("docs/joining-your-devices.md", () => {
  it("joins by a directory", async () => {
    const iot = emulator.fleet.aliyunIot.at(0);
    const { certificateId, id: sslId } = emulator.fleet.tencentSsl.at(1);
    const mqtt = emulator.fleet.aliyunMqtt.at(2);
    const devices = [
      { id: iot.key.join("."), name: "by a pattern" },
      { id: `gateway-${certificateId}`, name: "by the other" },
      { id: "7f3a", name: "by the file" },
      { id: "8f3a", name: "by nothing" },
    ];
    const answer = await runExample("directory", { Query: { devices: () => devices } }, [
      `7f3a,${mqtt.id}`,
    ]);
    expect(answer.devices).toMatchObject([
      {
        name: "by a pattern",
        certificateAvailability: "AVAILABLE",
        certificate: { id: iot.id, notAfter: expect.any(String) },
      },
      { certificateAvailability: "AVAILABLE", certificate: { id: sslId } },
      { certificateAvailability: "AVAILABLE", certificate: { id: mqtt.id, status: "ACTIVE" } },
      { name: "by nothing", certificateAvailability: "NONE", certificate: null },
    ]);
  });

  it("joins by ids of the devices' own subgraph, which the helper writes", async () => {
    const helper = pathToFileURL(join(ROOT, "src/certificate-id/index.ts")).href;
    const code = readBlock("resolvers: external").replace(
      "device-certificates-subgraph/certificate-id",
      helper,
    );
    await writeFile(join(folder, "resolvers.ts"), code);
    const { resolvers } = await import(pathToFileURL(join(folder, "resolvers.ts")).href);
    const { productKey, deviceName, id } = emulator.fleet.aliyunIot.at(3);
    const devices = [
      { id: "1", name: "one", iotProductKey: productKey, iotDeviceName: deviceName },
      { id: "2", name: "two", iotProductKey: productKey, iotDeviceName: null },
    ];
    const answer = await runExample("external", {
      ...resolvers,
      Query: { devices: () => devices },
    });
    expect(answer.devices).toEqual([
      {
        name: "one",
        certificates: [{ id, status: emulator.fleet.aliyunIot.at(3).expectedStatus }],
        certificateAvailability: "AVAILABLE",
      },
      { name: "two", certificates: [], certificateAvailability: "NONE" },
    ]);
  });

  it.each([
    ["stubs", "aliyun-mqtt"],
    ["stubs of one product", "aliyun-iot"],
  ])("joins by %s", async (schemaName, prefix) => {
    const certificate = emulator.fleet.products.find((product) => product.prefix === prefix)?.at(0);
    const id = certificate?.id;
    const devices = [
      { id: "1", clientCertificate: { id } },
      { id: "2", clientCertificate: null },
    ];
    const schema = readBlock(`devices: ${schemaName}`);
    const answer = await runExample("stubs", { Query: { devices: () => devices } }, [], schema);
    expect(answer.devices).toEqual([
      { clientCertificate: { id, status: certificate?.expectedStatus } },
      { clientCertificate: null },
    ]);
  });

  it("joins a stranger's type by the configuration alone", async () => {
    const { id } = emulator.fleet.tencentMqtt.at(5);
    const assets = [
      { assetNumber: 42, building: "north" },
      { assetNumber: 43, building: "south" },
    ];
    const answer = await runExample("other names", { Query: { assets: () => assets } }, [
      `42,${id}`,
    ]);
    expect(answer.assets).toEqual([
      { building: "north", certificateAvailability: "AVAILABLE", certificate: { id } },
      { building: "south", certificateAvailability: "NONE", certificate: null },
    ]);
  });

  it.each(["devices.csv", "devices.ndjson"])("has rows of %s that are read", (name) => {
    const rows = readBlock(`file: ${name}`).trim().split("\n").map(createRowReader(name));
    const ids = rows.flatMap((row) =>
      row === null ? [] : ["certificateId" in row && row.certificateId],
    );
    expect(ids.length).toBeGreaterThan(1);
    for (const id of ids) expect(() => parseCertificateId(String(id))).not.toThrow();
  });

  it("says of `@override` what a composer says", async () => {
    const subgraph = await startTestSubgraph({ connections: toConnections(emulator) });
    onTestFinished(() => subgraph.close());
    const { data } = await subgraph.ask("{ _service { sdl } }");
    const compose = (directive: string) =>
      composeServices([
        { name: "certificates", url: "", typeDefs: parseGraphQL(data._service.sdl) },
        {
          name: "devices",
          url: "",
          typeDefs: parseGraphQL(
            readBlock("devices: stubs")
              .replace('"@interfaceObject"', '"@interfaceObject", "@override"')
              .replace(
                "clientCertificate: DeviceCertificate",
                `certificate: DeviceCertificate ${directive}`,
              ),
          ),
        },
      ]).errors;
    expect(compose("")?.[0]?.message).toMatch(/Non-shareable field "Device.certificate"/);
    expect(compose('@override(from: "certificates")')).toBeUndefined();
  });
});
