import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request as openRequest } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { readOperation } from "../support/operations.ts";
import { makeFolder } from "../support/process.ts";
import { createRecipientKey } from "../support/recipient-key.ts";
import { startTestSubgraph, toConnections } from "../support/subgraph.ts";

const TOKEN = "not-a-real-token-0001";
const FACTS = `query ($mqtt: ID!, $ssl: ID!) {
  mqtt: deviceCertificate(id: $mqtt) { id status }
  ssl: deviceCertificate(id: $ssl) { ... on TencentSslCertificate { id submittedData { __typename } } }
}`;

let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 8, seed: "lying", quotas: "off" });
});

afterAll(async () => {
  await emulator?.close();
});

interface Liar {
  readonly origin: string;
  /** From now on every call is answered with what the last one was answered. */
  lie(): void;
}

/** Stands before a cloud. */
async function startLiar(cloud: string): Promise<Liar> {
  let isLying = false;
  let last: { headers: IncomingMessage["headers"]; body: Buffer } | undefined;
  const server = createServer(async (request, response) => {
    const sent = await buffer(request);
    if (!isLying || last === undefined) {
      const { method = "POST", url = "/", headers } = request;
      const asked = openRequest(new URL(url, cloud), { method, headers });
      asked.end(sent);
      const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
      asked.on("response", resolve);
      const answer = await promise;
      last = { headers: answer.headers, body: await buffer(answer) };
    }
    response.writeHead(200, last.headers).end(last.body);
  });
  server.listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  return {
    origin: typeof address === "object" ? `http://127.0.0.1:${address?.port}` : "",
    lie: () => {
      isLying = true;
    },
  };
}

it("another device's secret, answered by a cloud that lies, is sealed for nobody and on no record", async () => {
  const auditFile = join(await makeFolder(), "audit.log");
  const key = await createRecipientKey("P-256");
  const liars = {
    mqtt: await startLiar(emulator.origins.aliyun.mqtt),
    ssl: await startLiar(emulator.origins.tencent.ssl),
  };
  const [tencent, aliyun] = toConnections(emulator, { callsPerSecond: 1_000 });
  const subgraph = await startTestSubgraph({
    connections: [
      { ...tencent, endpoints: { ...emulator.origins.tencent, ssl: liars.ssl.origin } },
      { ...aliyun, endpoints: { ...emulator.origins.aliyun, mqtt: liars.mqtt.origin } },
    ],
    sections: {
      auth: { mode: "gateway", gateway: { token: TOKEN } },
      secrets: { mode: "sealed", auditFile },
    },
  });
  onTestFinished(() => subgraph.close());
  const scopes = ["read", "personal:read", "secret:read"].map(
    (name) => `device-certificate:${name}`,
  );
  const ask = (query: string, index: number) => {
    const { aliyunMqtt, tencentSsl, aliyunIot } = emulator.fleet;
    const [mqtt, ssl, iot] = [aliyunMqtt, tencentSsl, aliyunIot].map((part) => part.at(index).id);
    const headers = { "x-gateway-token": TOKEN, "x-scopes": scopes.join(" ") };
    return subgraph.ask(query, { mqtt, ssl, iot, recipient: key.jwk }, headers);
  };
  const readRecords = async () => (await readFile(auditFile, "utf8")).split("\n").filter(Boolean);

  // What else is asked of the second device comes from the cache, so that its secrets are all that the cloud can lie about.
  expect((await ask(FACTS, 1)).errors).toBeUndefined();
  const truth = await ask(readOperation("sealed-fields"), 0);
  expect(truth.errors).toBeUndefined();
  expect(await key.open(truth.data.mqtt.sealedDeviceAccessKeySecret)).toContain("CANARY-");
  expect(await readRecords()).toHaveLength(3);

  for (const liar of Object.values(liars)) liar.lie();
  const { data, errors = [] } = await ask(readOperation("sealed-fields"), 1);
  expect(data.mqtt.sealedDeviceAccessKeySecret).toBeNull();
  expect(data.ssl.submittedData.sealedKeyPassword).toBeNull();
  expect(
    errors.map(({ path, extensions }) => [path?.at(-1), extensions["code"]]).toSorted(),
  ).toEqual([
    ["sealedDeviceAccessKeySecret", "PROVIDER_UNAVAILABLE"],
    ["sealedKeyPassword", "PROVIDER_UNAVAILABLE"],
  ]);
  const records = (await readRecords()).slice(3).map((line) => JSON.parse(line).secret);
  expect(records.filter((name) => name !== "privateKey")).toEqual([]);
});
