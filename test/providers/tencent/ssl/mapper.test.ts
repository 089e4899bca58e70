import "reflect-metadata";
import { describe, expect, it } from "vitest";
import type { DeviceCertificateStatus } from "../../../../src/device-certificate/life-cycle.ts";
import { tencentSsl } from "../../../../src/providers/tencent/ssl/index.ts";
import { askScripted, readFacts } from "../../../support/scripted-cloud.ts";
import {
  DETAIL_ANSWER,
  DETAIL_FACTS,
  LISTED_ANSWER,
  LISTED_FACTS,
  NO_DETAIL_FACTS,
  NO_LISTED_FACTS,
} from "./certificate-fixture.ts";

const answer = (response: object) => ({
  body: { Response: { ...response, RequestId: "cb7f6ea0-0000-4000-8000-000000000000" } },
});
const read = (response: object) =>
  readFacts({ product: tencentSsl, key: ["eyxLKFt4"], answers: [answer(response)] });
const ID = { CertificateId: "eyxLKFt4" };

describe("the answer of DescribeCertificate", () => {
  it("is translated field by field", async () => {
    expect(await read({ ...LISTED_ANSWER, ...DETAIL_ANSWER })).toEqual({
      ...LISTED_FACTS,
      ...DETAIL_FACTS,
    });
  });

  it("has null for every field that is absent", async () => {
    expect(await read(ID)).toEqual({ ...NO_LISTED_FACTS, ...NO_DETAIL_FACTS });
  });

  it("has null for every field that is null", async () => {
    const names = Object.keys({ ...LISTED_ANSWER, ...DETAIL_ANSWER });
    const nulls = Object.fromEntries(names.map((name) => [name, null]));
    expect(await read({ ...nulls, ...ID })).toEqual({ ...NO_LISTED_FACTS, ...NO_DETAIL_FACTS });
  });

  it("keeps a structure whose fields are all null", async () => {
    const DvAuthDetail = { DvAuthKey: null, DvAuthValue: null, DvAuths: null };
    expect(await read({ ...ID, DvAuthDetail })).toMatchObject({
      dvAuth: { dvAuthKey: null, dvAuthValue: null, dvAuthDomain: null, dvAuths: null },
    });
  });

  it("holds nothing of the key's password", async () => {
    const facts = await read({ ...LISTED_ANSWER, ...DETAIL_ANSWER });
    expect(JSON.stringify(facts)).not.toMatch(/not-a-real-secret|keyPassword/i);
  });

  const STATUSES: readonly DeviceCertificateStatus[] = [
    "PENDING",
    "ACTIVE",
    "FAILED",
    "EXPIRED",
    "PENDING",
    "PENDING",
    "INACTIVE",
    "INACTIVE",
    "PENDING",
    "ACTIVE",
    "REVOKED",
    "PENDING",
    "ACTIVE",
    "PENDING",
    "INACTIVE",
    "PENDING",
  ];

  it.each([...STATUSES.entries()])("calls the status %d %s", async (code, status) => {
    expect(await read({ ...ID, Status: code })).toMatchObject({
      reportedStatus: status,
      providerStatus: String(code),
      statusCode: code,
    });
  });

  it.each([16, 99, -1])("calls the status %d, which nobody documents, UNKNOWN", async (code) => {
    expect(await read({ ...ID, Status: code })).toMatchObject({
      reportedStatus: "UNKNOWN",
      providerStatus: String(code),
      statusCode: code,
    });
  });

  it.each([
    ["12", 12],
    ["0", 0],
    ["", null],
    ["--", null],
    ["12 months", null],
    ["-1", null],
    ["1.5", null],
  ])("reads the validity period %j as %j months", async (text, months) => {
    expect(await read({ ...ID, ValidityPeriod: text })).toMatchObject({ validityMonths: months });
  });

  it("takes numbers where texts are documented", async () => {
    expect(await read({ ...ID, OwnerUin: 100_000_000_001, ValidityPeriod: 12 })).toMatchObject({
      ownerUin: "100000000001",
      validityMonths: 12,
    });
  });

  it("keeps values that no list names", async () => {
    expect(
      await read({ ...ID, PackageType: "company", VerifyType: "EMAIL", CertificateType: "svr" }),
    ).toMatchObject({ packageType: "company", verifyType: "EMAIL", certificateType: "svr" });
  });

  it("keeps an unreadable time in a list as null, in its place", async () => {
    const CAEndTimes = ["2044-11-06 08:00:00", "--", "", "2034-11-06 08:00:0", null];
    expect(await read({ ...ID, CAEndTimes })).toMatchObject({
      caEndTimes: [
        new Date("2044-11-06T00:00:00Z"),
        null,
        null,
        new Date("2034-11-06T00:00:00Z"),
        null,
      ],
    });
  });
});

describe("the single call", () => {
  it("asks for the certificate by its id", async () => {
    const { requests } = await askScripted({
      product: tencentSsl,
      keys: [["eyxLKFt4"]],
      answers: [answer(ID)],
    });
    expect(requests[0]?.headers).toMatchObject({
      "x-tc-action": "DescribeCertificate",
      "x-tc-version": "2019-12-05",
    });
    expect(JSON.parse(requests[0]?.body ?? "")).toEqual({ CertificateId: "eyxLKFt4" });
  });

  it("answers null for the code FailedOperation.CertificateNotFound", async () => {
    const refusal = { Code: "FailedOperation.CertificateNotFound", Message: "…" };
    expect(await read({ Error: refusal })).toBeNull();
  });

  it("answers null when the cloud's answer has no id", async () => {
    expect(await read({})).toBeNull();
    expect(await read({ CertificateId: "" })).toBeNull();
  });

  it("never takes another certificate for the one that was asked for", async () => {
    await expect(read({ CertificateId: "eyxLKFt5" })).rejects.toMatchObject({
      extensions: { code: "PROVIDER_UNAVAILABLE" },
    });
  });
});

describe("the list call", () => {
  it("says the same of a certificate as the single call, without the five fields of that", async () => {
    const other = { ...LISTED_ANSWER, CertificateId: "other" };
    const { outcomes, requests } = await askScripted({
      product: tencentSsl,
      keys: [["eyxLKFt4"], ["other"]],
      answers: [answer({ TotalCount: 2, Certificates: [other, LISTED_ANSWER] })],
    });
    expect(outcomes[0]).toEqual({
      status: "fulfilled",
      value: { facts: { ...LISTED_FACTS, ...NO_DETAIL_FACTS }, hasDetail: false },
    });
    expect(outcomes[1]).toMatchObject({ value: { facts: { certificateId: "other" } } });
    expect(requests).toHaveLength(1);
    expect(requests[0]?.headers).toMatchObject({ "x-tc-action": "DescribeCertificates" });
  });
});
