import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 4, seed: "traces" });
});

afterAll(async () => {
  await emulator?.close();
});

const QUERY = `query ($ids: [ID!]!) {
  deviceCertificates(ids: $ids) { id ... on X509DeviceCertificate { pem commonName } }
}`;

/** Asks with the header by which gateways ask for traces; the cloud refuses one of the ids. */
async function ask(subgraph: TestSubgraph) {
  const ids = ["tencent-mqtt", "aliyun-iot"].map(
    (prefix) => emulator.fleet.products.find((product) => product.prefix === prefix)?.ids()[0],
  );
  const response = await fetch(subgraph.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "apollo-federation-include-trace": "ftv1",
    },
    body: JSON.stringify({ query: QUERY, variables: { ids: [...ids, "no-id"] } }),
  });
  return (await response.json()) as {
    data: { deviceCertificates: readonly Readonly<Record<string, string>>[] };
    errors: readonly { message: string }[];
    extensions?: { ftv1?: string };
  };
}

async function withSubgraph<Result>(
  introspection: "on" | "off",
  use: (subgraph: TestSubgraph) => Promise<Result>,
): Promise<Result> {
  const subgraph = await startTestSubgraph({
    connections: toConnections(emulator),
    sections: { schema: { introspection } },
  });
  try {
    return await use(subgraph);
  } finally {
    await subgraph.close();
  }
}

describe("a trace of an operation", () => {
  it("is given to callers that may read the schema, and holds neither values nor the texts of errors", async () => {
    await withSubgraph("on", async (subgraph) => {
      emulator.setFault("aliyun-iot", { kind: "denied" });
      const { data, errors, extensions } = await ask(subgraph);
      const trace = Buffer.from(extensions?.ftv1 ?? "", "base64").toString("latin1");
      expect(trace).toContain("deviceCertificates");
      expect(trace).toContain("<masked>");
      expect(errors.length).toBeGreaterThan(0);
      for (const { message } of errors) expect(trace).not.toContain(message.slice(0, 20));
      const values = data.deviceCertificates.flatMap((entry) => Object.values(entry ?? {}));
      expect(values.length).toBeGreaterThan(2);
      for (const value of values) expect(trace).not.toContain(value);
      expect(trace).not.toMatch(/tencent-mqtt|no-id|PROVIDER_|RequestId/);
    });
  });

  it("is given to nobody else", async () => {
    await withSubgraph("off", async (subgraph) => {
      const { data, extensions } = await ask(subgraph);
      expect(data.deviceCertificates).toHaveLength(3);
      expect(extensions).toBeUndefined();
    });
  });
});
