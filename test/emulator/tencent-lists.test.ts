import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TENCENT_SSL_DETAIL_FIELDS } from "../../src/emulator/fleet-tencent-ssl.ts";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { callTencent, toErrorCode } from "./signed-calls.ts";

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 600, quotas: "off" });
});
afterEach(() => emulator.setFilterMeaning("or"));
afterAll(() => emulator.close());

const INSTANCE = "mqtt-emul0001";
const ofInstance = () =>
  emulator.fleet.tencentMqtt.all().filter(({ instanceId }) => instanceId === INSTANCE);

async function list(parameters: object): Promise<Record<string, unknown>> {
  return callTencent(emulator, {
    api: "mqtt",
    action: "DescribeDeviceCertificates",
    parameters: { InstanceId: INSTANCE, ...parameters },
  });
}

async function listSsl(parameters: object): Promise<Record<string, unknown>> {
  return callTencent(emulator, { api: "ssl", action: "DescribeCertificates", parameters });
}

function valuesOf(response: Record<string, unknown>, list: string, field: string): unknown[] {
  const items: unknown = response[list];
  if (!Array.isArray(items)) throw new Error(`${list} is ${typeof items}, expected a list.`);
  return items.map((item) => item[field]);
}

describe("DescribeDeviceCertificates", () => {
  it("answers 20 of an instance unless Limit says more, and 100 at most", async () => {
    expect(valuesOf(await list({}), "Data", "Status")).toHaveLength(20);
    expect(valuesOf(await list({ Limit: 100 }), "Data", "Status")).toHaveLength(100);
    expect(toErrorCode(await list({ Limit: 101 }))).toBe("InvalidParameterValue");
    expect((await list({}))["TotalCount"]).toBe(150);
  });

  it("pages through everything once in the order of creation", async () => {
    const pages = await Promise.all(
      [0, 100].map((Offset) => list({ Limit: 100, Offset, OrderBy: "CREATE_TIME_ASC" })),
    );
    const seen = pages.flatMap((page) => valuesOf(page, "Data", "DeviceCertificateSn"));
    expect(new Set(seen)).toEqual(new Set(ofInstance().map(({ serialNumber }) => serialNumber)));
    const times = pages.flatMap((page) => valuesOf(page, "Data", "CreatedTime")).map(Number);
    expect(times).toEqual(times.toSorted((left, right) => left - right));
  });

  it("finds serial numbers without regard to case and leading zeros", async () => {
    const wanted = ofInstance().filter(
      ({ serialNumber, fullSerialNumber }) => serialNumber !== fullSerialNumber,
    );
    const Values = wanted.map(({ fullSerialNumber }) => fullSerialNumber.toUpperCase());
    const found = await list({ Filters: [{ Name: "DeviceCertificateSn", Values }], Limit: 100 });
    expect(new Set(valuesOf(found, "Data", "DeviceCertificateSn"))).toEqual(
      new Set(wanted.map(({ serialNumber }) => serialNumber)),
    );
    expect(wanted.some(({ serialNumber }) => serialNumber.length === 39)).toBe(true);
  });

  it("takes all filters together", async () => {
    const now = String(emulator.fleet.now.getTime());
    const response = await list({
      Filters: [
        { Name: "Status", Values: ["ACTIVE", "INACTIVE"] },
        { Name: "NotAfterEnd", Values: [now] },
      ],
    });
    const expected = ofInstance().filter(
      ({ status, x509 }) =>
        (status === "ACTIVE" || status === "INACTIVE") && x509.notAfter < emulator.fleet.now,
    );
    expect(response["TotalCount"]).toBe(expected.length);
    expect(
      (await list({ Filters: [{ Name: "NotAfterStart", Values: [now] }] }))["TotalCount"],
    ).toBe(ofInstance().filter(({ x509 }) => x509.notAfter >= emulator.fleet.now).length);
  });

  it("finds by client id, common name, unit and authority", async () => {
    const { facts } = emulator.fleet.tencentMqtt.at(4);
    const totalFor = async (Name: string, value: string | undefined) =>
      (await list({ Filters: [{ Name, Values: [value] }] }))["TotalCount"];
    expect(await totalFor("ClientId", facts.ClientId)).toBe(1);
    expect(await totalFor("DeviceCertificateCn", facts.DeviceCertificateCn)).toBe(1);
    expect(await totalFor("CaSn", facts.CaSn)).toBe(150);
    expect(await totalFor("OrganizationalUnit", "车间二")).toBe(30);
    expect(await totalFor("ClientId", "nobody")).toBe(0);
  });

  it("reads several values of a filter in the way that is switched on", async () => {
    const Values = [0, 4, 8].map((index) => emulator.fleet.tencentMqtt.at(index).serialNumber);
    const Filters = [{ Name: "DeviceCertificateSn", Values }];
    expect((await list({ Filters }))["TotalCount"]).toBe(3);
    emulator.setFilterMeaning("first");
    expect(valuesOf(await list({ Filters }), "Data", "DeviceCertificateSn")).toEqual([Values[0]]);
    emulator.setFilterMeaning("refuse");
    expect(toErrorCode(await list({ Filters }))).toBe("InvalidParameterValue");
    expect(
      (await list({ Filters: [{ Name: "Status", Values: ["ACTIVE"] }] }))["TotalCount"],
    ).toBeGreaterThan(0);
  });

  it("refuses what it does not document", async () => {
    expect(toErrorCode(await list({ Filters: [{ Name: "Color", Values: ["red"] }] }))).toBe(
      "InvalidParameterValue",
    );
    expect(toErrorCode(await list({ OrderBy: "COLOR" }))).toBe("InvalidParameterValue");
    expect(toErrorCode(await list({ Limit: "20" }))).toBe("InvalidParameter");
    expect(toErrorCode(await list({ InstanceId: "mqtt-nowhere1" }))).toBe(
      "ResourceNotFound.Instance",
    );
  });
});

describe("DescribeCertificates", () => {
  it("answers ten unless Limit says more, and leaves unknown ids out", async () => {
    const known = emulator.fleet.tencentSsl.all().map(({ certificateId }) => certificateId);
    const CertIds = ["nothing1", ...known.slice(0, 50)];
    expect(valuesOf(await listSsl({ CertIds }), "Certificates", "Domain")).toHaveLength(10);
    const all = await listSsl({ CertIds, Limit: 5000 });
    expect(new Set(valuesOf(all, "Certificates", "CertificateId"))).toEqual(
      new Set(known.slice(0, 50)),
    );
    expect(all["TotalCount"]).toBe(50);
  });

  it("answers items without the five fields of the single call", async () => {
    const { certificateId, statusCode } = emulator.fleet.tencentSsl.at(3);
    const response = await listSsl({ CertIds: [certificateId] });
    const [item] = Array.isArray(response["Certificates"]) ? response["Certificates"] : [];
    const detail = await callTencent(emulator, {
      api: "ssl",
      action: "DescribeCertificate",
      parameters: { CertificateId: certificateId },
    });
    expect(item.Status).toBe(statusCode);
    for (const field of TENCENT_SSL_DETAIL_FIELDS) {
      expect(detail).toHaveProperty(field);
      expect(item).not.toHaveProperty(field);
    }
    const missing = Object.keys(detail).filter((field) => !(field in item));
    expect(missing.sort()).toEqual([...TENCENT_SSL_DETAIL_FIELDS, "RequestId"].sort());
  });

  it("filters by status and search key", async () => {
    const revoked = await listSsl({ CertificateStatus: [10], Limit: 1000 });
    expect(new Set(valuesOf(revoked, "Certificates", "Status"))).toEqual(new Set([10]));
    const { domain } = emulator.fleet.tencentSsl.at(5);
    expect((await listSsl({ SearchKey: domain }))["TotalCount"]).toBe(1);
  });
});
