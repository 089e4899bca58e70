import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { readOperation } from "../support/operations.ts";
import { type ReadyProcess, startSubgraphProcess } from "../support/process.ts";
import { createRecipientKey, type RecipientKey } from "../support/recipient-key.ts";
import { type GraphQLAnswer, toConnections } from "../support/subgraph.ts";

const TOKEN = "not-a-real-token-0001";
const SEALED_FIELDS = readOperation("sealed-fields");

let emulator: Emulator;
let key: RecipientKey;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 4, seed: "standard error", quotas: "off" });
  key = await createRecipientKey("P-256");
});

afterAll(() => emulator.close());

const start = (withinMs = 10_000) =>
  startSubgraphProcess({
    server: { port: 0, adminPort: 0, drainSeconds: 0 },
    connections: toConnections(emulator, { callsPerSecond: 10_000 }),
    answer: { withinMs },
    auth: { mode: "gateway", gateway: { token: TOKEN } },
    secrets: { mode: "sealed" },
  });

async function ask({ url }: ReadyProcess, requestId = "request-1"): Promise<GraphQLAnswer> {
  const { fleet } = emulator;
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-gateway-token": TOKEN,
      "x-scopes":
        "device-certificate:read device-certificate:personal:read device-certificate:secret:read",
      "x-request-id": requestId,
    },
    body: JSON.stringify({
      query: SEALED_FIELDS,
      variables: {
        iot: fleet.aliyunIot.at(0).id,
        mqtt: fleet.aliyunMqtt.at(0).id,
        ssl: fleet.tencentSsl.at(0).id,
        recipient: key.jwk,
      },
    }),
  });
  return JSON.parse(await response.text());
}

const codesOf = ({ errors = [] }: GraphQLAnswer) =>
  errors.map(({ extensions }) => extensions["code"]);

describe("without an audit file", () => {
  it("records go to standard error, before the answer, and nothing else does", async () => {
    const running = await start();
    const { data, errors } = await ask(running);
    expect(errors).toBeUndefined();
    expect(await key.open(data.mqtt.sealedDeviceAccessKeySecret)).toContain("CANARY-");
    await expect.poll(() => running.stderr().split("\n").filter(Boolean).length).toBe(3);
    const records = running
      .stderr()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    expect(records.map(({ secret }) => secret).toSorted()).toEqual([
      "deviceAccessKeySecret",
      "keyPassword",
      "privateKey",
    ]);
    for (const record of records) {
      expect(record).toMatchObject({
        event: "secret-handed-out",
        recipientThumbprint: key.thumbprint,
      });
    }
    expect(running.stdout()).not.toContain("secret-handed-out");
    running.child.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  it("nothing is handed out once nobody reads standard error, and all else is served", async () => {
    const running = await start();
    running.child.stderr?.destroy();
    const answer = await ask(running);
    expect(codesOf(answer)).toEqual(Array(3).fill("AUDIT_UNAVAILABLE"));
    expect(answer.data.iot).toEqual({
      id: emulator.fleet.aliyunIot.at(0).id,
      sealedPrivateKey: null,
    });
    running.child.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  it("a reader that stops reading stops the hand-outs, not the process", async () => {
    const running = await start(1_000);
    running.child.stderr?.removeAllListeners("data").pause();
    let codes: unknown[] = [];
    // Each record is long; what the pipe holds by itself is bounded.
    for (let count = 0; count < 1_000 && !codes.includes("AUDIT_UNAVAILABLE"); count += 1) {
      codes = (
        await Promise.all(Array.from({ length: 10 }, () => ask(running, "x".repeat(128))))
      ).flatMap(codesOf);
    }
    expect(codes).toContain("AUDIT_UNAVAILABLE");
    const { status } = await fetch(`${running.adminUrl}/livez`);
    expect(status).toBe(200);
    const ended = once(running.child, "exit");
    running.child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });
});
