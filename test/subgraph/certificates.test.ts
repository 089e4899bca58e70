import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 100, seed: "certificates" });
  subgraph = await startTestSubgraph({ connections: toConnections(emulator) });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

describe("deviceCertificates", () => {
  it("delivers certificates of all four products in the order of ids", async () => {
    const ids = emulator.fleet.products.flatMap((product) => product.ids().slice(0, 5)).reverse();
    const { data, errors } = await subgraph.ask(
      `query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { __typename id status provider connection createdAt ... on X509DeviceCertificate { commonName subject serialNumber notAfter publicKeyAlgorithm publicKeyBits subjectAltNames statusDisagrees daysUntilExpiry fingerprintSha256 } } }`,
      { ids },
    );
    expect(errors).toBeUndefined();
    expect(data.deviceCertificates.map((certificate: { id: string }) => certificate.id)).toEqual(
      ids,
    );
  });
});
