import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CallTicket, type QueuePlace } from "../../src/quota/quota.ts";
import { useFakeClock } from "./simulated-cloud.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

it("is estimated once for all who ask at one moment, and anew later and in another place", () => {
  const estimated: string[] = [];
  const createPlace = (name: string, waitMs: number): QueuePlace => ({
    join: () => {},
    estimateWaitMs: () => {
      estimated.push(name);
      return waitMs;
    },
  });
  const ticket = new CallTicket({ deadlineMs: 1_000 });
  expect(ticket.estimateWaitMs()).toBe(0);
  ticket.moveTo(createPlace("one", 500));
  expect([ticket.estimateWaitMs(), ticket.estimateWaitMs()]).toEqual([500, 500]);
  expect(estimated).toEqual(["one"]);
  ticket.moveTo(createPlace("other", 700));
  expect(ticket.estimateWaitMs()).toBe(700);
  vi.advanceTimersByTime(20);
  expect(ticket.estimateWaitMs()).toBe(700);
  expect(estimated).toEqual(["one", "other", "other"]);
  ticket.moveTo(undefined);
  expect(ticket.estimateWaitMs()).toBe(0);
});
