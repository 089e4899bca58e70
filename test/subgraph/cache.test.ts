import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const ONE = "query ($id: ID!) { deviceCertificate(id: $id) { id status fetchedAt stale } }";
const LIST = "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id status fetchedAt stale } }";

const FRESH_SECONDS = {
  active: 1000,
  inactive: 900,
  pending: 100,
  expired: 2000,
  revoked: 3000,
  failed: 300,
  notFound: 200,
};
const STALE_SECONDS = 5000;
const now = new Date("2026-11-22T12:00:00Z");

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeEach(async () => {
  // The clocks stand still, so that a second passes only where a test says so; timers run on.
  vi.useFakeTimers({ toFake: ["Date", "performance"], now });
  emulator ??= await startEmulator({
    fleetSize: 64,
    seed: "cache",
    quotas: "off",
    now: new Date("2026-11-22T00:00:00Z"),
    // Asked each time, because every test fakes the clock anew.
    clock: () => Date.now(),
    // Long enough that what is asked at the same time arrives before the first answer.
    latencyMs: 60,
  });
  emulator.calls.reset();
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 10_000 }),
    sections: { cache: { freshSeconds: FRESH_SECONDS, staleSeconds: STALE_SECONDS } },
  });
  // After its start a process makes no call for a moment: another one may have used up the last second.
  passSeconds(2);
  vi.setSystemTime(now);
});

afterEach(async () => {
  for (const api of ["tencent-mqtt", "tencent-ssl", "aliyun-iot", "aliyun-mqtt"] as const)
    emulator.setFault(api, null);
  vi.useRealTimers();
  await subgraph.close();
});

afterAll(async () => {
  await emulator?.close();
});

const passSeconds = (seconds: number) => vi.advanceTimersByTime(seconds * 1000);

function countCalls(): number {
  return Object.values(emulator.calls.toJson())
    .flatMap((actions) => Object.values(actions))
    .reduce((sum, { arrived }) => sum + arrived, 0);
}

function findId(status: string): string {
  const certificate = emulator.fleet.products
    .flatMap((product) => product.all())
    .find(({ expectedStatus }) => expectedStatus === status);
  if (certificate === undefined) throw new Error(`the fleet has no ${status} certificate`);
  return certificate.id;
}

describe("what was read once", () => {
  it("is answered again without a call, in whichever way it is asked for", async () => {
    const ids = emulator.fleet.products.flatMap((product) => product.ids().slice(0, 4));
    const first = await subgraph.ask(LIST, { ids });
    const calls = countCalls();
    expect(calls).toBeGreaterThan(0);
    const again = await subgraph.ask(LIST, { ids: ids.toReversed() });
    for (const id of ids) await subgraph.ask(ONE, { id });
    expect(countCalls()).toBe(calls);
    expect(again.data.deviceCertificates).toEqual(first.data.deviceCertificates.toReversed());
  });

  it.each([
    ["ACTIVE", FRESH_SECONDS.active],
    ["INACTIVE", FRESH_SECONDS.inactive],
    ["PENDING", FRESH_SECONDS.pending],
    ["EXPIRED", FRESH_SECONDS.expired],
    ["REVOKED", FRESH_SECONDS.revoked],
    ["FAILED", FRESH_SECONDS.failed],
    ["UNKNOWN", FRESH_SECONDS.pending],
  ])("is fresh for as long as its status %s deserves", async (status, seconds) => {
    const id = findId(status);
    const ask = async () => (await subgraph.ask(ONE, { id })).data.deviceCertificate;
    expect(await ask()).toEqual({ id, status, fetchedAt: now.toISOString(), stale: false });
    expect(countCalls()).toBe(1);

    passSeconds(seconds - 1);
    expect((await ask()).fetchedAt).toBe(now.toISOString());
    expect(countCalls()).toBe(1);

    passSeconds(2);
    expect(await ask()).toMatchObject({ fetchedAt: new Date().toISOString(), stale: false });
    expect(countCalls()).toBe(2);
  });

  it("is remembered too when it was that there is none", async () => {
    const id = "tencent-ssl:default:nowhere";
    const ask = () => subgraph.ask(ONE, { id });
    expect(await ask()).toEqual({ data: { deviceCertificate: null } });
    passSeconds(FRESH_SECONDS.notFound - 1);
    await ask();
    expect(countCalls()).toBe(1);
    passSeconds(2);
    expect(await ask()).toEqual({ data: { deviceCertificate: null } });
    expect(countCalls()).toBe(2);
  });
});

describe("what is older than its freshness", () => {
  it("is still answered while the cloud is down, marked stale, with the time it was read", async () => {
    const id = findId("ACTIVE");
    await subgraph.ask(ONE, { id });
    emulator.setFault("tencent-mqtt", { kind: "denied" });
    passSeconds(FRESH_SECONDS.active + STALE_SECONDS - 1);
    expect(await subgraph.ask(ONE, { id })).toMatchObject({
      data: { deviceCertificate: { id, fetchedAt: now.toISOString(), stale: true } },
    });
  });

  it("is marked fresh again once the cloud is back", async () => {
    const id = findId("ACTIVE");
    await subgraph.ask(ONE, { id });
    emulator.setFault("tencent-mqtt", { kind: "denied" });
    passSeconds(FRESH_SECONDS.active + 1);
    await subgraph.ask(ONE, { id });
    emulator.setFault("tencent-mqtt", null);
    expect((await subgraph.ask(ONE, { id })).data.deviceCertificate).toMatchObject({
      fetchedAt: new Date().toISOString(),
      stale: false,
    });
  });

  it("is not answered any more when it is too old for that", async () => {
    const id = findId("ACTIVE");
    await subgraph.ask(ONE, { id });
    emulator.setFault("tencent-mqtt", { kind: "denied" });
    passSeconds(FRESH_SECONDS.active + STALE_SECONDS + 1);
    expect(await subgraph.ask(ONE, { id })).toMatchObject({
      data: { deviceCertificate: null },
      errors: [{ path: ["deviceCertificate"], extensions: { code: "PROVIDER_DENIED" } }],
    });
  });

  it("and told that there is none stays null without an error while the cloud is down", async () => {
    const id = "tencent-ssl:default:nowhere";
    await subgraph.ask(ONE, { id });
    emulator.setFault("tencent-ssl", { kind: "denied" });
    passSeconds(FRESH_SECONDS.notFound + 1);
    expect(await subgraph.ask(ONE, { id })).toEqual({ data: { deviceCertificate: null } });
  });

  it("has the status of now, not that of when it was read", async () => {
    const certificate = emulator.fleet.tencentMqtt
      .all()
      .find(({ x509, status }) => x509.validity === "expiringSoon" && status === "ACTIVE");
    const { id = "", x509 } = certificate ?? {};
    await subgraph.ask(ONE, { id });
    emulator.setFault("tencent-mqtt", { kind: "denied" });
    const untilExpiry = ((x509?.notAfter.getTime() ?? 0) - now.getTime()) / 1000;
    // The clock of the wall jumps; the age of what was read does not.
    vi.setSystemTime(now.getTime() + (untilExpiry + 1) * 1000);
    const { data } = await subgraph.ask(ONE, { id });
    expect(data.deviceCertificate).toMatchObject({ status: "EXPIRED" });
  });
});

describe("an error", () => {
  it("is never remembered", async () => {
    const id = findId("ACTIVE");
    emulator.setFault("tencent-mqtt", { kind: "denied" });
    expect((await subgraph.ask(ONE, { id })).errors).toHaveLength(1);
    emulator.setFault("tencent-mqtt", null);
    const { data, errors } = await subgraph.ask(ONE, { id });
    expect(errors).toBeUndefined();
    expect(data.deviceCertificate.id).toBe(id);
  });
});

describe("many who ask for the same at the same time", () => {
  it("share one call for each certificate", async () => {
    const ids = emulator.fleet.products.map((product) => product.at(9).id);
    const answers = await Promise.all(
      Array.from({ length: 25 }, () => subgraph.ask(LIST, { ids })),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(countCalls()).toBe(4);
  });

  it("share one failure as well, and the next one asks again", async () => {
    const id = emulator.fleet.aliyunIot.at(9).id;
    emulator.setFault("aliyun-iot", { kind: "denied" });
    const answers = await Promise.all(Array.from({ length: 25 }, () => subgraph.ask(ONE, { id })));
    expect(answers.every(({ errors }) => errors?.length === 1)).toBe(true);
    expect(countCalls()).toBe(1);
    // What is denied is asked for once in ten seconds.
    passSeconds(10);
    await subgraph.ask(ONE, { id });
    expect(countCalls()).toBe(2);
  });

  it("share it also when they spell the serial number differently", async () => {
    const { instanceId, fullSerialNumber } = emulator.fleet.tencentMqtt.at(5);
    const ids = [fullSerialNumber, fullSerialNumber.toUpperCase(), `00${fullSerialNumber}`].map(
      (sn) => `tencent-mqtt:default:${instanceId}:${sn}`,
    );
    const answers = await Promise.all(ids.map((id) => subgraph.ask(ONE, { id })));
    expect(answers.map(({ data }) => data.deviceCertificate.id)).toEqual(ids);
    expect(countCalls()).toBe(1);
  });
});
