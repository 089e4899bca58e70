import { describe, expect, it } from "vitest";
import {
  type DeviceCertificateStatus,
  toDaysUntilExpiry,
  toNextChangeMs,
  toStatus,
  toStatusDisagrees,
} from "../../src/device-certificate/life-cycle.ts";

const now = new Date("2026-11-22T12:00:00Z");
const before = new Date(now.getTime() - 1);
const after = new Date(now.getTime() + 1);

const ALL: readonly DeviceCertificateStatus[] = [
  "PENDING",
  "ACTIVE",
  "INACTIVE",
  "EXPIRED",
  "REVOKED",
  "FAILED",
  "UNKNOWN",
];

describe("toStatus", () => {
  it.each(ALL)("leaves %s as it is while the certificate has not expired", (reported) => {
    expect(toStatus(reported, after, now)).toBe(reported);
    expect(toStatus(reported, null, now)).toBe(reported);
  });

  it.each([
    ["PENDING", "EXPIRED"],
    ["ACTIVE", "EXPIRED"],
    ["INACTIVE", "EXPIRED"],
    ["EXPIRED", "EXPIRED"],
    ["UNKNOWN", "EXPIRED"],
    ["REVOKED", "REVOKED"],
    ["FAILED", "FAILED"],
  ] as const)("makes of an expired %s certificate %s", (reported, status) => {
    expect(toStatus(reported, before, now)).toBe(status);
  });

  it("counts the instant of notAfter itself as valid", () => {
    expect(toStatus("ACTIVE", now, now)).toBe("ACTIVE");
  });

  it("does not look at notBefore: what is not valid yet has not expired", () => {
    expect(toStatus("ACTIVE", after, now)).toBe("ACTIVE");
  });
});

describe("toStatusDisagrees", () => {
  const validities = {
    tooEarly: { notBefore: after, notAfter: new Date(after.getTime() + 1) },
    inside: { notBefore: before, notAfter: after },
    tooLate: { notBefore: new Date(before.getTime() - 1), notAfter: before },
    unknown: { notBefore: null, notAfter: null },
  };

  it.each([
    ["ACTIVE", "tooEarly", true],
    ["ACTIVE", "inside", false],
    ["ACTIVE", "tooLate", true],
    ["ACTIVE", "unknown", false],
    ["EXPIRED", "tooEarly", false],
    ["EXPIRED", "inside", true],
    ["EXPIRED", "tooLate", false],
    ["EXPIRED", "unknown", false],
  ] as const)("says of %s with dates %s: %s", (reported, dates, disagrees) => {
    expect(toStatusDisagrees(reported, validities[dates], now)).toBe(disagrees);
  });

  it.each(ALL.filter((status) => status !== "ACTIVE" && status !== "EXPIRED"))(
    "never doubts %s",
    (reported) => {
      for (const validity of Object.values(validities))
        expect(toStatusDisagrees(reported, validity, now)).toBe(false);
    },
  );

  it("counts both ends of the validity as inside", () => {
    expect(toStatusDisagrees("ACTIVE", { notBefore: now, notAfter: now }, now)).toBe(false);
    expect(toStatusDisagrees("EXPIRED", { notBefore: now, notAfter: now }, now)).toBe(true);
  });

  it("decides by the one date that is known", () => {
    expect(toStatusDisagrees("ACTIVE", { notBefore: null, notAfter: before }, now)).toBe(true);
    expect(toStatusDisagrees("ACTIVE", { notBefore: after, notAfter: null }, now)).toBe(true);
    expect(toStatusDisagrees("EXPIRED", { notBefore: null, notAfter: after }, now)).toBe(true);
  });
});

describe("toDaysUntilExpiry", () => {
  const day = 86_400_000;

  it.each([
    [0, 0],
    [1, 0],
    [day - 1, 0],
    [day, 1],
    [30 * day + 1, 30],
    [-1, -1],
    [-day, -1],
    [-day - 1, -2],
  ])("rounds %d ms down to %d whole days", (ms, days) => {
    expect(toDaysUntilExpiry(new Date(now.getTime() + ms), now)).toBe(days);
  });

  it("is null where nobody says when", () => {
    expect(toDaysUntilExpiry(null, now)).toBeNull();
  });
});

describe("toNextChangeMs", () => {
  const day = 86_400_000;
  const toAll = (validity: { notBefore: Date | null; notAfter: Date | null }, at: Date) => [
    toDaysUntilExpiry(validity.notAfter, at),
    ...ALL.map((reported) => toStatus(reported, validity.notAfter, at)),
    ...ALL.map((reported) => toStatusDisagrees(reported, validity, at)),
  ];
  const offsets = [-3 * day, -day - 1, -day, -1, 0, 1, day - 1, day, day + 1, 40 * day];

  it.each(offsets)("says until when nothing changes by itself, %d ms before its end", (ms) => {
    for (const start of offsets) {
      const validity = {
        notBefore: new Date(now.getTime() + start),
        notAfter: new Date(now.getTime() + ms),
      };
      const next = toNextChangeMs(validity, now);
      expect(next).toBeGreaterThan(now.getTime());
      expect(toAll(validity, new Date(next - 1))).toEqual(toAll(validity, now));
      if (start <= ms) {
        expect(toAll(validity, new Date(next))).not.toEqual(toAll(validity, now));
      }
    }
  });

  it("is never where nobody says when", () => {
    expect(toNextChangeMs({ notBefore: null, notAfter: null }, now)).toBe(Infinity);
  });
});
