import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CertificateReading } from "../../src/device-certificate/product.ts";
import { RequestError } from "../../src/errors.ts";
import { createListingMemory } from "../../src/providers/listing-memory.ts";
import { createRecordingLog } from "./log.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => vi.useRealTimers());

const origin = { provider: "cloud-product", connection: "default" };
const TEN_MINUTES_MS = 10 * 60_000;

function createMemory() {
  const log = createRecordingLog();
  return { log, memory: createListingMemory(origin, log) };
}

/** What a single call found; what stands in it is of no interest here. */
const reading = {} as CertificateReading;

describe("the memory of a connection's list call", () => {
  it("holds several values for worth a try until shown otherwise", () => {
    const { memory, log } = createMemory();
    memory.listed(100, 100);
    memory.listed(1, 0).foundAlone(reading);
    expect(memory.isListing).toBe(true);
    expect(log.entries).toEqual([]);
  });

  it("gives them up for ten minutes when the cloud refuses them", () => {
    const { memory } = createMemory();
    memory.refused();
    expect(memory.isListing).toBe(false);
    vi.advanceTimersByTime(TEN_MINUTES_MS - 1);
    expect(memory.isListing).toBe(false);
    vi.advanceTimersByTime(1);
    expect(memory.isListing).toBe(true);
  });

  it("takes a refusal back when one of the values is refused alone as well", async () => {
    const { memory } = createMemory();
    const refusal = memory.refused();
    const error = new RequestError("BAD_USER_INPUT", "this value");
    await expect(refusal.watch(reading)).resolves.toBe(reading);
    await expect(refusal.watch(Promise.reject(new Error("other")))).rejects.toThrow("other");
    expect(memory.isListing).toBe(false);
    await expect(refusal.watch(Promise.reject(error))).rejects.toBe(error);
    expect(memory.isListing).toBe(true);
  });

  it.each([0, 1])("gives them up when %d of many were listed and others are there", (found) => {
    const { memory } = createMemory();
    const answer = memory.listed(100, found);
    expect(answer.foundAlone(null)).toBeNull();
    expect(memory.isListing).toBe(true);
    expect(answer.foundAlone(reading)).toBe(reading);
    expect(memory.isListing).toBe(false);
  });

  it("does not give them up for single gaps in an answer", () => {
    const { memory } = createMemory();
    memory.listed(100, 99).foundAlone(reading);
    memory.listed(100, 2).foundAlone(reading);
    expect(memory.isListing).toBe(true);
  });

  it("says so once in the log, with the connection", () => {
    const { memory, log } = createMemory();
    for (let n = 0; n < 3; n += 1) {
      memory.refused();
      memory.listed(100, 1).foundAlone(reading);
      vi.advanceTimersByTime(TEN_MINUTES_MS);
    }
    expect(log.entries).toEqual([
      { ...origin, level: "warn", message: expect.stringContaining("refuses") },
    ]);
  });
});
