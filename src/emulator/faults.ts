// What can go wrong between here and a cloud, switchable while the emulator runs.
import { z } from "zod";
import { API_NAMES, type JsonObject, type RefusalReason } from "./api.ts";

const LIST_ANOMALIES = ["missing", "extra", "doubled", "contradictory", "reordered"] as const;

export type ListAnomaly = (typeof LIST_ANOMALIES)[number];

const AIM = {
  /** The part of the calls that it hits, chosen by the seed. Default 1. */
  fraction: z.number().min(0).max(1).optional(),
  /** Hits this action alone; by default all actions of the API. */
  action: z.string().optional(),
};

/** One fault of one API. */
export const FAULT = z.discriminatedUnion("kind", [
  /** The vendor's throttling error; `retryAfterMs` where the vendor has a header for it. */
  z.strictObject({
    kind: z.literal("throttle"),
    retryAfterMs: z.number().min(0).optional(),
    ...AIM,
  }),
  /** The request is read and never answered. */
  z.strictObject({ kind: z.literal("hang"), ...AIM }),
  /** The connection is reset in place of an answer. */
  z.strictObject({ kind: z.literal("reset"), ...AIM }),
  /** A load balancer's page. */
  z.strictObject({ kind: z.literal("html502"), ...AIM }),
  /** Half of the body: the connection ends there, or (`text`) the answer claims that this is all. */
  z.strictObject({
    kind: z.literal("truncated"),
    cut: z.enum(["connection", "text"]).optional(),
    ...AIM,
  }),
  /** So much more time on the way there, and again on the way back. */
  z.strictObject({
    kind: z.literal("slow"),
    latencyMs: z.number().min(0),
    jitterMs: z.number().min(0).optional(),
    ...AIM,
  }),
  /** The headers come at once, the body in drops: `bytes` (default 16) every `everyMs` (default 100). */
  z.strictObject({
    kind: z.literal("slowBody"),
    bytes: z.int().min(1).optional(),
    everyMs: z.number().min(0).optional(),
    ...AIM,
  }),
  /** A body of so many bytes, 64 MiB by default; with `gzip` so many once it is decompressed. */
  z.strictObject({
    kind: z.literal("hugeBody"),
    bytes: z.int().min(1).optional(),
    encoding: z.literal("gzip").optional(),
    ...AIM,
  }),
  /** Every value has another type than documented. */
  z.strictObject({ kind: z.literal("wrongTypes"), ...AIM }),
  /** The vendor's error for missing permission. */
  z.strictObject({ kind: z.literal("denied"), ...AIM }),
  /** The vendor's error for a temporary credential that ran out. */
  z.strictObject({ kind: z.literal("expiredToken"), ...AIM }),
  /** The vendor's error for an access key that it does not know. */
  z.strictObject({ kind: z.literal("unknownKey"), ...AIM }),
  /** The API's clock, also in its `Date` header, is so far ahead of the machine's; behind when negative. */
  z.strictObject({ kind: z.literal("clock"), aheadMs: z.number(), ...AIM }),
  /** The vendor's internal error. */
  z.strictObject({ kind: z.literal("serverError"), ...AIM }),
  /**
   * List answers lack an item, have one that nobody asked for, have each twice, have each twice and not alike, or come
   * in another order.
   */
  z.strictObject({
    kind: z.literal("listAnomaly"),
    anomaly: z.enum(LIST_ANOMALIES),
    ...AIM,
  }),
]);

export type Fault = z.infer<typeof FAULT>;
export type FaultKind = Fault["kind"];

/** The body of `POST /faults`: a fault and the API that it is for. */
export const FAULT_ORDER = z.looseObject({ api: z.enum(API_NAMES) });

/** The faults that are errors of the cloud, with the vendor's code and envelope. */
export function toRefusalReason(kind: FaultKind): RefusalReason | null {
  switch (kind) {
    case "throttle":
    case "denied":
    case "expiredToken":
    case "unknownKey":
    case "serverError":
      return kind;
    default:
      return null;
  }
}

/** The answer with every value below the envelope turned into something else. */
export function toWrongTypes(body: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [
      name,
      name === "RequestId" ? value : name === "Response" ? toWrongResponse(value) : toWrong(value),
    ]),
  );
}

/** The answer with its list, if it has one, made wrong; the total stays as it was. */
export function toListAnomaly(body: JsonObject, anomaly: ListAnomaly): JsonObject {
  const response = body["Response"];
  if (!isJsonObject(response)) return body;
  const changed = Object.entries(response).map(([name, value]) =>
    (name === "Data" || name === "Certificates") && Array.isArray(value)
      ? [name, toAnomalousList(value, anomaly)]
      : [name, value],
  );
  return { ...body, Response: Object.fromEntries(changed) };
}

function toWrongResponse(response: unknown): unknown {
  return isJsonObject(response) ? toWrongTypes(response) : response;
}

function toWrong(value: unknown): unknown {
  if (typeof value === "string") return { unexpected: true };
  if (typeof value === "number") return "not a number";
  if (typeof value === "boolean") return "perhaps";
  if (Array.isArray(value)) return value.length > 0 ? { 0: value[0] } : "empty";
  if (isJsonObject(value)) return toWrongTypes(value);
  return 0;
}

function toAnomalousList(items: readonly unknown[], anomaly: ListAnomaly): unknown[] {
  switch (anomaly) {
    case "missing":
      return items.slice(1);
    case "extra":
      return [...items.slice(0, 1).map(toStranger), ...items];
    case "doubled":
      return items.flatMap((item) => [item, item]);
    case "contradictory":
      return items.flatMap((item) => [item, toContradiction(item)]);
    case "reordered":
      return items.toReversed();
  }
}

/** The same key with another status. */
function toContradiction(item: unknown): unknown {
  if (!isJsonObject(item)) return item;
  return { ...item, Status: typeof item["Status"] === "number" ? 10 : "REVOKED" };
}

/** The same item under a key that nobody asked for. */
function toStranger(item: unknown): unknown {
  if (!isJsonObject(item)) return item;
  return {
    ...item,
    ...("DeviceCertificateSn" in item && { DeviceCertificateSn: "7f".repeat(20) }),
    ...("CertificateId" in item && { CertificateId: "stranger" }),
  };
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
