import "reflect-metadata";
import { describe, expect, it } from "vitest";
import { CertificateBundle } from "../../../../src/device-certificate/x509.ts";
import { createFleet } from "../../../../src/emulator/index.ts";
import { tencentMqtt } from "../../../../src/providers/tencent/mqtt/index.ts";
import { askScripted, readFacts } from "../../../support/scripted-cloud.ts";

const SN = "0eef68a582b94254296e54ce754f94d707a59911";
const KEY = ["mqtt-jbgwp4ae", SN];
const fleet = createFleet({ seed: "mapper", size: 1, now: new Date("2026-11-22T00:00:00Z") });
const { pem } = fleet.tencentMqtt.at(0).x509.certificate;

const answer = (response: object) => ({
  body: { Response: { ...response, RequestId: "5e5ff9bb-1b8e-4e2c-9a5d-000000000000" } },
});
const read = (response: object, key: readonly string[] = KEY) =>
  readFacts({ product: tencentMqtt, key, answers: [answer(response)] });

const FULL = {
  InstanceId: "mqtt-jbgwp4ae",
  ClientId: "client-1",
  DeviceCertificate: pem,
  DeviceCertificateSn: SN,
  DeviceCertificateCn: "device-1",
  CaSn: "5a8c",
  Format: "PEM",
  Status: "ACTIVE",
  OrganizationalUnit: "Assembly",
  LastActivationTime: 1_730_851_200_123,
  LastInactivationTime: 1_730_851_200_456,
  CreatedTime: 1_730_851_200_001,
  UpdateTime: 1_730_851_200_002,
  CertificateSource: "JITP",
  NotAfterTime: 1_893_456_000_000,
  NotBeforeTime: 1_700_000_000_000,
};

describe("the answer of DescribeDeviceCertificate", () => {
  it("is translated field by field", async () => {
    expect(await read(FULL)).toEqual({
      reportedStatus: "ACTIVE",
      providerStatus: "ACTIVE",
      createdAt: new Date(1_730_851_200_001),
      updatedAt: new Date(1_730_851_200_002),
      bundle: expect.any(CertificateBundle),
      reported: {
        serialNumber: SN.toUpperCase(),
        commonName: "device-1",
        organizationalUnit: "Assembly",
        subjectAltNames: null,
        notBefore: new Date(1_700_000_000_000),
        notAfter: new Date(1_893_456_000_000),
      },
      instanceId: "mqtt-jbgwp4ae",
      deviceCertificateSn: SN,
      caSn: "5a8c",
      clientId: "client-1",
      format: "PEM",
      certificateSource: "JITP",
      lastActivatedAt: new Date(1_730_851_200_123),
      lastDeactivatedAt: new Date(1_730_851_200_456),
    });
  });

  const NOTHING = {
    reportedStatus: "UNKNOWN",
    providerStatus: null,
    createdAt: null,
    updatedAt: null,
    bundle: null,
    reported: {
      serialNumber: SN.toUpperCase(),
      commonName: null,
      organizationalUnit: null,
      subjectAltNames: null,
      notBefore: null,
      notAfter: null,
    },
    instanceId: "mqtt-jbgwp4ae",
    deviceCertificateSn: SN,
    caSn: null,
    clientId: null,
    format: null,
    certificateSource: null,
    lastActivatedAt: null,
    lastDeactivatedAt: null,
  };

  it("has null for every field that is absent", async () => {
    expect(await read({ DeviceCertificateSn: SN })).toEqual(NOTHING);
  });

  it("has null for every field that is null", async () => {
    const nulls = Object.fromEntries(Object.keys(FULL).map((name) => [name, null]));
    expect(await read({ ...nulls, DeviceCertificateSn: SN })).toEqual(NOTHING);
  });

  it("has null for times that are 0: never", async () => {
    expect(
      await read({
        ...FULL,
        LastActivationTime: 0,
        LastInactivationTime: 0,
        CreatedTime: 0,
        UpdateTime: 0,
        NotAfterTime: 0,
        NotBeforeTime: 0,
      }),
    ).toMatchObject({
      lastActivatedAt: null,
      lastDeactivatedAt: null,
      createdAt: null,
      updatedAt: null,
      reported: { notBefore: null, notAfter: null },
    });
  });

  it("has null for times beyond what a date can hold", async () => {
    expect(
      await read({
        ...FULL,
        CreatedTime: 9_000_000_000_000_000,
        NotAfterTime: 8_640_000_000_000_001,
      }),
    ).toMatchObject({ createdAt: null, reported: { notAfter: null } });
  });

  it("reads times that come as texts", async () => {
    expect(await read({ ...FULL, CreatedTime: "1730851200001" })).toMatchObject({
      createdAt: new Date(1_730_851_200_001),
    });
  });

  it.each([
    ["PENDING_ACTIVATION", "PENDING"],
    ["ACTIVE", "ACTIVE"],
    ["INACTIVE", "INACTIVE"],
    ["REVOKED", "REVOKED"],
    ["ARCHIVED", "UNKNOWN"],
    ["active", "UNKNOWN"],
    ["", "UNKNOWN"],
    // Not to be found on any object's prototype.
    ["constructor", "UNKNOWN"],
    ["__proto__", "UNKNOWN"],
    ["toString", "UNKNOWN"],
  ])("calls the status %j %s", async (status, reportedStatus) => {
    expect(await read({ ...FULL, Status: status })).toMatchObject({
      reportedStatus,
      providerStatus: status,
    });
  });

  it("keeps the serial number as the cloud spells it", async () => {
    const facts = await read({ ...FULL, DeviceCertificateSn: SN.slice(1) }, [
      "mqtt-jbgwp4ae",
      SN.toUpperCase(),
    ]);
    expect(facts).toMatchObject({ deviceCertificateSn: SN.slice(1) });
  });

  it("drops what is not documented", async () => {
    const facts = await read({ ...FULL, PrivateKey: "a secret", Extra: { PrivateKey: "more" } });
    expect(JSON.stringify(facts)).not.toMatch(/secret|more|PrivateKey/);
  });
});

describe("the single call", () => {
  it("asks for the instance and the serial number as they were given", async () => {
    const { requests } = await askScripted({
      product: tencentMqtt,
      keys: [KEY],
      answers: [answer(FULL)],
    });
    expect(requests).toHaveLength(1);
    expect(requests[0]?.headers).toMatchObject({
      "x-tc-action": "DescribeDeviceCertificate",
      "x-tc-version": "2024-05-16",
      "x-tc-region": "region-1",
    });
    expect(JSON.parse(requests[0]?.body ?? "")).toEqual({
      InstanceId: "mqtt-jbgwp4ae",
      DeviceCertificateSn: SN,
    });
  });

  it("answers null when the cloud's answer has no serial number", async () => {
    expect(await read({})).toBeNull();
    expect(await read({ DeviceCertificateSn: "" })).toBeNull();
  });

  it.each(["ResourceNotFound", "ResourceNotFound.Certificate", "ResourceNotFound.Instance"])(
    "answers null for the code %s",
    async (Code) => {
      expect(await read({ Error: { Code, Message: "…" } })).toBeNull();
    },
  );

  it("never takes another certificate for the one that was asked for", async () => {
    await expect(read({ ...FULL, DeviceCertificateSn: `ff${SN.slice(2)}` })).rejects.toMatchObject({
      extensions: { code: "PROVIDER_UNAVAILABLE" },
    });
  });

  it("never takes a certificate of another instance for the one that was asked for", async () => {
    await expect(read({ ...FULL, InstanceId: "mqtt-other" })).rejects.toMatchObject({
      extensions: { code: "PROVIDER_UNAVAILABLE" },
    });
  });

  it("asks with the other spellings of the serial number before it says that there is none", async () => {
    const { requests } = await askScripted({
      product: tencentMqtt,
      keys: [["mqtt-jbgwp4ae", SN.toUpperCase()]],
      answers: [answer({ Error: { Code: "ResourceNotFound.Certificate", Message: "…" } })],
    });
    const asked = requests.map(({ body = "" }) => JSON.parse(body).DeviceCertificateSn);
    expect(asked).toEqual([SN.toUpperCase(), SN.slice(1), SN, SN.slice(1).toUpperCase()]);
  });

  it("asks with no upper-case letters once a certificate has shown that the cloud writes lower-case ones", async () => {
    const other = `4b${SN.slice(2)}`;
    const { requests } = await askScripted({
      product: tencentMqtt,
      keys: [["mqtt-jbgwp4ae", other]],
      nextKeys: [["mqtt-jbgwp4ae", SN]],
      answers: [
        answer({ DeviceCertificateSn: other, Status: "ACTIVE" }),
        answer({ Error: { Code: "ResourceNotFound.Certificate", Message: "…" } }),
      ],
    });
    const asked = requests.map(({ body = "" }) => JSON.parse(body).DeviceCertificateSn);
    expect(asked).toEqual([other, SN, SN.slice(1)]);
  });

  it("finds what an exact cloud holds in upper case, and asks that way first from then on", async () => {
    const stored = SN.toUpperCase();
    const answers = [
      ...Array.from({ length: 2 }, () => answer({ DeviceCertificateSn: "" })),
      answer({ DeviceCertificateSn: "" }),
      answer({ DeviceCertificateSn: stored, Status: "ACTIVE" }),
    ];
    const { outcomes, requests } = await askScripted({
      product: tencentMqtt,
      keys: [["mqtt-jbgwp4ae", SN]],
      nextKeys: [["mqtt-jbgwp4ae", SN]],
      answers,
    });
    const asked = requests.map(({ body = "" }) => JSON.parse(body).DeviceCertificateSn);
    expect(asked).toEqual([SN, SN.slice(1), SN.slice(1).toUpperCase(), stored, stored]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ value: { facts: { deviceCertificateSn: stored } } });
  });
});
