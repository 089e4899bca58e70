import "reflect-metadata";
import { describe, expect, it } from "vitest";
import { CertificateBundle } from "../../../../src/device-certificate/x509.ts";
import { createFleet } from "../../../../src/emulator/index.ts";
import { aliyunIot } from "../../../../src/providers/aliyun/iot/index.ts";
import { askScripted, readFacts } from "../../../support/scripted-cloud.ts";

const KEY = ["a1BwAGV****", "light"];
const fleet = createFleet({ seed: "mapper", size: 1, now: new Date("2026-11-22T00:00:00Z") });
const { pem, der } = fleet.tencentMqtt.at(0).x509.certificate;
const SECRET = "-----BEGIN RSA PRIVATE KEY-----\nnot a real key\n-----END RSA PRIVATE KEY-----\n";

const answer = (info: unknown) => ({
  body: { RequestId: "E55E50B7-40EE-4B6B-8BBE-D3ED55CCF565", Success: true, DeviceCertInfo: info },
});
const read = (info: unknown, settings = {}) =>
  readFacts({ product: aliyunIot, key: KEY, answers: [answer(info)], settings });

const READY = { Status: 2, Certificate: pem, PrivateKey: SECRET, CertSN: "2079624632453564" };

describe("the answer of QueryDeviceCert", () => {
  it("is translated field by field", async () => {
    expect(await read(READY)).toEqual({
      reportedStatus: "ACTIVE",
      providerStatus: "2",
      createdAt: null,
      updatedAt: null,
      bundle: expect.any(CertificateBundle),
      reported: {
        serialNumber: "2079624632453564",
        commonName: null,
        organizationalUnit: null,
        subjectAltNames: null,
        notBefore: null,
        notAfter: null,
      },
      productKey: "a1BwAGV****",
      deviceName: "light",
      iotInstanceId: null,
      certSn: "2079624632453564",
    });
  });

  it("holds the certificate whether it comes as PEM or as bare base64", async () => {
    for (const Certificate of [pem, der.toString("base64")])
      expect((await read({ ...READY, Certificate }))?.bundle?.facts?.pem).toBe(pem);
  });

  it("holds nothing of the private key", async () => {
    const inCertificate = { ...READY, Certificate: SECRET + pem };
    for (const info of [READY, inCertificate, { ...READY, Certificate: SECRET }])
      expect(JSON.stringify(await read(info))).not.toContain("not a real key");
  });

  it.each([
    [0, "PENDING"],
    [1, "FAILED"],
    [2, "ACTIVE"],
    [3, "UNKNOWN"],
    [-1, "UNKNOWN"],
    ["2", "ACTIVE"],
  ])("calls the status %j %s", async (status, reportedStatus) => {
    expect(await read({ ...READY, Status: status })).toMatchObject({
      reportedStatus,
      providerStatus: String(status),
    });
  });

  it.each([
    ["absent", {}],
    ["null", { Status: null, Certificate: null, PrivateKey: null, CertSN: null }],
  ])("has null where everything is %s", async (_, info) => {
    expect(await read(info)).toMatchObject({
      reportedStatus: "UNKNOWN",
      providerStatus: null,
      bundle: null,
      reported: { serialNumber: null },
      certSn: null,
    });
  });

  it("has no serial number where the cloud's is empty", async () => {
    expect(await read({ Status: 0, Certificate: "", PrivateKey: "", CertSN: "" })).toMatchObject({
      reportedStatus: "PENDING",
      bundle: null,
      reported: { serialNumber: null },
      certSn: "",
    });
  });

  it("holds no certificate before it is ready, whatever the cloud sends", async () => {
    for (const Status of [0, 1, 7]) expect((await read({ ...READY, Status }))?.bundle).toBeNull();
  });

  it("holds no certificate where the text is none", async () => {
    expect((await read({ ...READY, Certificate: "tXHf4ezdEHfp8kHP****" }))?.bundle).toBeNull();
  });

  it.each([
    ["0a1b2c", "0A1B2C"],
    [" 2079624632453564 ", "2079624632453564"],
    ["not-hexadecimal", "not-hexadecimal"],
  ])(
    "writes the cloud's serial number %j in upper case if it is hexadecimal",
    async (CertSN, serialNumber) => {
      const facts = await read({ Status: 0, Certificate: "", PrivateKey: "", CertSN });
      expect(facts).toMatchObject({ reported: { serialNumber }, certSn: CertSN });
    },
  );

  it("keeps a serial number that comes as a number", async () => {
    expect(await read({ ...READY, CertSN: 2079624632453564 })).toMatchObject({
      certSn: "2079624632453564",
    });
  });
});

describe("the call", () => {
  const ask = (settings: Readonly<Record<string, unknown>>, body: unknown = answer(READY).body) =>
    askScripted({ product: aliyunIot, keys: [KEY], answers: [{ body }], settings });

  it("asks for the product and the device, and names no instance unless one is configured", async () => {
    const { requests } = await ask({});
    expect(requests[0]?.headers).toMatchObject({
      "x-acs-action": "QueryDeviceCert",
      "x-acs-version": "2018-01-20",
    });
    expect(Object.fromEntries(new URLSearchParams(requests[0]?.path.slice(2)))).toEqual({
      ProductKey: "a1BwAGV****",
      DeviceName: "light",
    });
  });

  it("names the configured instance, and so does the certificate", async () => {
    const settings = { iotInstanceId: "iot-060a02ne" };
    const { requests } = await ask(settings);
    expect(requests[0]?.path).toContain("IotInstanceId=iot-060a02ne");
    expect(await read(READY, settings)).toMatchObject({ iotInstanceId: "iot-060a02ne" });
  });

  it.each(["iot.device.NotExistedDevice", "iot.prod.NotExistedProduct"])(
    "answers null for the code %s",
    async (Code) => {
      const body = { RequestId: "1", Success: false, Code, ErrorMessage: "…" };
      expect((await ask({}, body)).outcomes).toEqual([{ status: "fulfilled", value: null }]);
    },
  );

  it("answers null when a success holds nothing", async () => {
    const body = { RequestId: "1", Success: true };
    expect((await ask({}, body)).outcomes).toEqual([{ status: "fulfilled", value: null }]);
  });
});
