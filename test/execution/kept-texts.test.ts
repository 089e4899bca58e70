import "reflect-metadata";
import { parse } from "graphql";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  createCertificate,
  X509DeviceCertificate,
} from "../../src/device-certificate/device-certificate.ts";
import { AnswerText, toAnswerJson } from "../../src/execution/answer-text.ts";
import { createExecute, type Execute } from "../../src/execution/execute.ts";
import { KeptTexts } from "../../src/execution/kept-texts.ts";
import { tencentMqtt } from "../../src/providers/tencent/mqtt/index.ts";
import { SCOPES } from "../../src/scopes.ts";
import { openScene, type Scene } from "./scene.ts";

const NOW = new Date("2026-11-22T13:25:46.789Z");
const MS_PER_DAY = 86_400_000;
const document = parse(`query ($ids: [ID!]!) {
  deviceCertificates(ids: $ids) {
    id status ... on X509DeviceCertificate { daysUntilExpiry statusDisagrees notAfter fingerprintSha256 }
  }
}`);

let scene: Scene;
let execute: Execute;

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  scene = await openScene();
});

beforeEach(() => {
  vi.setSystemTime(NOW);
  execute = createExecute(scene.schema);
});

afterEach(() => {
  vi.restoreAllMocks();
});

afterAll(async () => {
  vi.useRealTimers();
  await scene?.close();
});

async function ask(
  ids: readonly unknown[],
  { what = document, scopes = Object.values(SCOPES) as readonly string[] } = {},
) {
  const answer = await execute({
    document: what,
    operationName: undefined,
    variables: { ids },
    context: scene.createContext(scopes),
    isTraced: false,
  });
  return JSON.parse(toAnswerJson(answer));
}

describe("what a certificate was answered with", () => {
  it("is not made once more, whoever asks and whatever stands beside it", async () => {
    const [id, other] = scene.emulator.fleet.tencentMqtt.ids();
    const first = await ask([id]);
    const fingerprint = vi.spyOn(X509DeviceCertificate.prototype, "fingerprintSha256", "get");
    const again = await ask([id], { scopes: [SCOPES.read] });
    expect(again).toEqual(first);
    expect(fingerprint).not.toHaveBeenCalled();
    const { data } = await ask([other, id]);
    expect(data.deviceCertificates[1]).toEqual(first.data.deviceCertificates[0]);
    expect(fingerprint).toHaveBeenCalledOnce();
  });

  it("is made anew for another document", async () => {
    const [id] = scene.emulator.fleet.tencentMqtt.ids();
    await ask([id]);
    const fingerprint = vi.spyOn(X509DeviceCertificate.prototype, "fingerprintSha256", "get");
    await ask([id], {
      what: parse(
        "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { ... on X509DeviceCertificate { fingerprintSha256 } } }",
      ),
    });
    expect(fingerprint).toHaveBeenCalledOnce();
  });

  it("tells each day how many are left, expires in time, and follows a clock that is set back", async () => {
    const id = scene.emulator.fleet.tencentMqtt
      .all()
      .find(({ expectedStatus }) => expectedStatus === "ACTIVE")?.id;
    const of = async () => (await ask([id])).data.deviceCertificates[0];
    const { daysUntilExpiry: days, notAfter } = await of();
    const lastMs = Date.parse(notAfter);
    vi.setSystemTime(lastMs - days * MS_PER_DAY);
    expect(await of()).toMatchObject({ daysUntilExpiry: days });
    vi.setSystemTime(lastMs - days * MS_PER_DAY + 1);
    expect(await of()).toMatchObject({ daysUntilExpiry: days - 1 });
    vi.setSystemTime(lastMs);
    expect(await of()).toMatchObject({
      daysUntilExpiry: 0,
      status: "ACTIVE",
      statusDisagrees: false,
    });
    vi.setSystemTime(lastMs + 1);
    expect(await of()).toMatchObject({
      daysUntilExpiry: -1,
      status: "EXPIRED",
      statusDisagrees: true,
    });
    vi.setSystemTime(NOW);
    expect(await of()).toMatchObject({ daysUntilExpiry: days, status: "ACTIVE" });
  });

  it("has the id that it was asked with", async () => {
    const [id = ""] = scene.emulator.fleet.tencentMqtt.ids();
    const upper = id.replace(/[^:]*$/, (sn) => sn.toUpperCase());
    for (const spelling of [id, upper, id, upper]) {
      expect((await ask([spelling])).data.deviceCertificates[0].id).toBe(spelling);
    }
    expect((await ask([upper, id])).data.deviceCertificates).toMatchObject([{ id: upper }, { id }]);
  });

  it("is not given to others when it holds personal data, not even that it is missing", async () => {
    const what = parse(
      "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id ... on TencentSslCertificate { submittedData { adminEmail } } } }",
    );
    const ids = scene.emulator.fleet.tencentSsl.ids().slice(0, 8);
    const allowed = await ask(ids, { what });
    expect(allowed.errors).toBeUndefined();
    const emails = JSON.stringify(allowed).match(/[\w.]+@[\w.]+/g) ?? [];
    expect(emails.length).toBeGreaterThan(0);
    const denied = await ask(ids, { what, scopes: [SCOPES.read] });
    for (const email of emails) expect(JSON.stringify(denied)).not.toContain(email);
    expect(denied.errors).toHaveLength(ids.length);
    expect(await ask(ids, { what })).toEqual(allowed);
  });
});

describe("KeptTexts", () => {
  const REPORTED = {
    serialNumber: null,
    commonName: null,
    organizationalUnit: null,
    subjectAltNames: null,
    notBefore: null,
    notAfter: null,
  };
  const text = new AnswerText(JSON.stringify("x".repeat(1_000_000)), []);

  function createReading() {
    const facts = { reportedStatus: "ACTIVE", providerStatus: null, createdAt: null } as const;
    const answer = { id: "a", provider: "", connection: "", stale: false };
    return createCertificate(
      tencentMqtt.certificateType,
      { ...facts, updatedAt: null, bundle: null, reported: REPORTED },
      { ...answer, fetchedAt: new Date(), readAt: NOW },
    );
  }

  it("forgets what nobody asked for lately, and is of bounded size", () => {
    const texts = new KeptTexts();
    const popular = createReading();
    const unpopular = createReading();
    texts.keep("1", popular, text);
    texts.keep("1", unpopular, text);
    for (let count = 0; count < 100; count += 1) {
      texts.keep("1", createReading(), text);
      expect(texts.find("1", popular)).toBe(text);
    }
    expect(texts.find("1", unpopular)).toBeUndefined();
  });

  it("takes another reading for another answer, and another question, id and staleness", () => {
    const texts = new KeptTexts();
    const certificate = createReading();
    texts.keep("1", certificate, text);
    const withIt = (changes: object) => Object.assign(createReading(), certificate, changes);
    expect(texts.find("1", withIt({}))).toBe(text);
    expect(texts.find("2", withIt({}))).toBeUndefined();
    expect(texts.find("1", withIt({ fetchedAt: new Date(certificate.fetchedAt) }))).toBeUndefined();
    expect(texts.find("1", withIt({ id: "A" }))).toBeUndefined();
    expect(texts.find("1", withIt({ stale: true }))).toBeUndefined();
  });
});
