import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, type Fault, startEmulator } from "../../src/emulator/index.ts";
import { APIS } from "../support/all-products.ts";
import { listForms } from "../support/canaries.ts";
import { readOperation } from "../support/operations.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const CERTIFICATES = readOperation("certificates", "every-field");
const ENTITIES = readOperation("entities", "every-field");
const ROOT_FIELDS = readOperation("root-fields", "every-field");
const PERSONAL_DATA = readOperation("personal-data");
const SEALED_FIELDS = readOperation("sealed-fields");

const FLEET_SIZE = 24;
const TOKEN = "CANARY-gateway-token-0001";
const HEADERS = {
  "x-gateway-token": TOKEN,
  "x-scopes":
    "device-certificate:read device-certificate:personal:read device-certificate:secret:read device-certificate:operations:read",
};

const FAULTS: readonly (Fault | null)[] = [
  null,
  { kind: "wrongTypes" },
  { kind: "truncated", cut: "text" },
  { kind: "truncated" },
  { kind: "html502" },
  { kind: "reset" },
  { kind: "serverError" },
  { kind: "denied" },
  { kind: "expiredToken" },
  { kind: "throttle" },
  { kind: "hang" },
];

let emulator: Emulator;
/** All that was answered and logged, with every fault and without. */
const seen = { answers: "", logs: "", metrics: "" };

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: FLEET_SIZE, seed: "secrets", quotas: "off" });
  for (const fault of FAULTS) {
    for (const credential of ["static", "sts", "expiredSts"] as const) {
      // Wrong credentials fail alike whatever else is wrong.
      if (fault !== null && credential !== "sts") continue;
      await askEverything(fault, credential);
    }
  }
}, 120_000);

afterAll(async () => {
  await emulator?.close();
});

async function askEverything(fault: Fault | null, credential: "static" | "sts" | "expiredSts") {
  const subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 10_000, credential }),
    sections: {
      answer: { withinMs: fault === null ? 10_000 : 500 },
      auth: { mode: "gateway", gateway: { token: TOKEN } },
    },
  });
  for (const api of APIS) emulator.setFault(api, fault);
  const answers = await askEveryWay(subgraph);
  for (const api of APIS) emulator.setFault(api, null);
  seen.answers += answers.map((answer) => JSON.stringify(answer)).join("\n");
  seen.metrics += await (await fetch(`${subgraph.adminUrl}/metrics`)).text();
  await subgraph.close();
  seen.logs += subgraph.logged();
}

/** Every field of every product, through every root field and as entities. */
function askEveryWay(subgraph: TestSubgraph): Promise<unknown[]> {
  const { fleet } = emulator;
  const ids = fleet.products.flatMap((product) => product.ids());
  const ask = (query: string, variables: Record<string, unknown>, operation?: string) =>
    subgraph.ask(query, variables, HEADERS, operation);
  const [mqtt, ssl, iot, ons] = [
    fleet.tencentMqtt.at(0).key,
    fleet.tencentSsl.at(0).key,
    fleet.aliyunIot.at(0).key,
    fleet.aliyunMqtt.at(0).key,
  ];
  return Promise.all([
    ask(CERTIFICATES, { ids }),
    ask(CERTIFICATES, { ids, detail: false }),
    ask(ENTITIES, {
      representations: ids.map((id) => ({ __typename: "DeviceCertificate", id })),
    }),
    ask(ROOT_FIELDS, { id: ids[FLEET_SIZE * 2] }, "ById"),
    ask(ROOT_FIELDS, { instanceId: mqtt[0], deviceCertificateSn: mqtt[1] }, "TencentMqtt"),
    ask(ROOT_FIELDS, { certificateId: ssl[0] }, "TencentSsl"),
    ask(ROOT_FIELDS, { productKey: iot[0], deviceName: iot[1] }, "AliyunIot"),
    ask(ROOT_FIELDS, { instanceId: ons[0], clientId: ons[1] }, "AliyunMqtt"),
    ask(PERSONAL_DATA, { certificateId: ssl[0] }),
    ask(SEALED_FIELDS, {
      iot: fleet.aliyunIot.at(0).id,
      mqtt: fleet.aliyunMqtt.at(0).id,
      ssl: fleet.tencentSsl.at(0).id,
      recipient: "{}",
    }),
    ask("{ __schema { types { name fields { name } } } _service { sdl } }", {}),
  ]);
}

describe("no secret that a cloud answered, or that calls are signed with, is found", () => {
  it("although every product was really asked, and answered or failed", () => {
    expect(emulator.listCanaries().length).toBeGreaterThan(3 * FLEET_SIZE - 10);
    for (const word of ["deviceAccessKeyId", "admin-0@example.com", "PROVIDER_DENIED", "pem"])
      expect(seen.answers).toContain(word);
    expect(seen.logs).toContain("The cloud refused");
    expect(seen.metrics).toContain("device_certificates_cloud_calls_total");
  });

  it.each(["answers", "logs", "metrics"] as const)("in the %s", (place) => {
    const text = seen[place];
    for (const form of [...emulator.listCanaries(), TOKEN].flatMap(listForms))
      expect(text.includes(form), form).toBe(false);
    expect(text).not.toMatch(/CANARY|BEGIN [A-Z ]*PRIVATE KEY|Signature=/);
  });
});
