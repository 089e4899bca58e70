import "reflect-metadata";
import { expect, it } from "vitest";
import type { ConnectedProduct } from "../../src/device-certificate/certificate-id.ts";
import { aliyunIot } from "../../src/providers/aliyun/iot/index.ts";
import { CallTicket } from "../../src/quota/quota.ts";
import { toTooLate } from "../../src/retrieval/too-late.ts";

function createConnected(connection: string): ConnectedProduct {
  return { product: aliyunIot, connection, source: { fetch: () => [] } };
}

/** Of a certificate whose call waits for so long; without it, of one whose call was sent. */
function createTicket(estimatedWaitMs?: number): CallTicket {
  const ticket = new CallTicket({ deadlineMs: Number.POSITIVE_INFINITY });
  if (estimatedWaitMs !== undefined) {
    ticket.moveTo({ join: () => {}, estimateWaitMs: () => estimatedWaitMs });
  }
  return ticket;
}

it("tells when to ask again in two digits, never too early", () => {
  const connected = createConnected("default");
  const told = [0, 999, 1_001, 1_234, 9_999, 61_200, 1_999_000].map(
    (waitMs) => toTooLate(connected, createTicket(waitMs)).extensions["retryAfterMs"],
  );
  expect(told).toEqual([1_000, 1_000, 1_100, 1_300, 10_000, 62_000, 2_000_000]);
});

it("makes one error for all that say the same, and another for another connection", () => {
  const [one, other] = [createConnected("one"), createConnected("other")];
  const first = toTooLate(one, createTicket(1_210));
  expect(toTooLate(one, createTicket(1_290))).toBe(first);
  expect(toTooLate(one, createTicket(1_310))).not.toBe(first);
  expect(toTooLate(other, createTicket(1_210))).not.toBe(first);
  expect(toTooLate(other, createTicket(1_210)).extensions["connection"]).toBe("other");
  expect(toTooLate(one, createTicket())).toBe(toTooLate(one, createTicket()));
  expect(toTooLate(one, createTicket()).extensions["code"]).toBe("PROVIDER_TIMEOUT");
});
