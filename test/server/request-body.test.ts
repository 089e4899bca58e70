import { PassThrough, type Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { BodyReader, type BodyRequest } from "../../src/server/request-body.ts";

const KiB = 1024;
const LIMITS = { bodyBytes: 100 * KiB, receivingBytes: 200 * KiB };

/** A request whose body the test sends. */
function createRequest(declared?: number): BodyRequest & PassThrough {
  const headers = declared === undefined ? {} : { "content-length": String(declared) };
  return Object.assign(new PassThrough(), { headers });
}

const nextTurn = () => new Promise(setImmediate);
const readWhole = (reader: BodyReader, request: BodyRequest & Readable) =>
  reader.read(request, async (body) => Buffer.from(body));

async function sendPart(reader: BodyReader, kibibytes: number, declared?: number) {
  const request = createRequest(declared);
  const reading = readWhole(reader, request);
  // It may be refused before the test asks.
  reading.catch(() => {});
  request.write(Buffer.alloc(kibibytes * KiB));
  await nextTurn();
  return { request, reading };
}

describe("a body", () => {
  it.each([
    ["whole", [50 * KiB]],
    ["in pieces", [10, 20 * KiB, 1, 30 * KiB, 40 * KiB]],
    ["byte by byte", Array.from({ length: 2_000 }, () => 1)],
    ["of no bytes", []],
  ])("is given as it came: %s", async (_, sizes) => {
    const pieces = sizes.map((size, index) => Buffer.alloc(size, index + 1));
    const sent = Buffer.concat(pieces);
    for (const declared of [sent.length, undefined]) {
      const reader = new BodyReader(LIMITS);
      const request = createRequest(declared);
      const reading = readWhole(reader, request);
      for (const piece of pieces) request.write(piece);
      request.end();
      expect(sent.equals(await reading)).toBe(true);
      expect(reader.heldBytes).toBe(0);
    }
  });

  it("is refused by what it says of its length, before any of it comes", async () => {
    const reading = readWhole(new BodyReader(LIMITS), createRequest(LIMITS.bodyBytes + 1));
    await expect(reading).rejects.toMatchObject({ reason: "body", limit: LIMITS.bodyBytes });
  });

  it("is refused when it is too long without saying so, and gives its memory back", async () => {
    const reader = new BodyReader(LIMITS);
    const { request, reading } = await sendPart(reader, 90);
    expect(reader.heldBytes).toBeGreaterThan(70 * KiB);
    request.write(Buffer.alloc(11 * KiB));
    await expect(reading).rejects.toMatchObject({ reason: "body" });
    expect(reader.heldBytes).toBe(0);
  });

  it("gives its memory back when its client goes away", async () => {
    const reader = new BodyReader(LIMITS);
    const { request, reading } = await sendPart(reader, 90);
    request.destroy(new Error("aborted"));
    await expect(reading).rejects.toMatchObject({ reason: "malformed" });
    expect(reader.heldBytes).toBe(0);
  });

  it("of a client that is gone already is not waited for", async () => {
    const request = createRequest();
    request.destroy();
    await expect(readWhole(new BodyReader(LIMITS), request)).rejects.toThrow("broke off");
  });

  it("counts until whoever reads it is done", async () => {
    const reader = new BodyReader(LIMITS);
    const request = createRequest();
    const done = Promise.withResolvers<void>();
    const reading = reader.read(request, () => done.promise);
    request.end(Buffer.alloc(90 * KiB));
    await nextTurn();
    expect(reader.heldBytes).toBeGreaterThan(70 * KiB);
    done.resolve();
    await reading;
    expect(reader.heldBytes).toBe(0);
  });
});

describe("many slow bodies", () => {
  it("are refused once they take too much together; small ones are taken, and large ones again later", async () => {
    const reader = new BodyReader(LIMITS);
    const first = await sendPart(reader, 90, 95 * KiB);
    const second = await sendPart(reader, 90, 95 * KiB);
    const third = await sendPart(reader, 90, 95 * KiB);
    await expect(third.reading).rejects.toMatchObject({ reason: "bodies" });
    expect(reader.heldBytes).toBeLessThanOrEqual(LIMITS.receivingBytes);

    const small = await sendPart(reader, 10);
    small.request.end();
    expect(await small.reading).toHaveLength(10 * KiB);

    first.request.destroy(new Error("aborted"));
    await expect(first.reading).rejects.toThrow("broke off");
    const fourth = await sendPart(reader, 90, 90 * KiB);
    fourth.request.end();
    expect(await fourth.reading).toHaveLength(90 * KiB);
    second.request.end();
    expect(await second.reading).toHaveLength(90 * KiB);
    expect(reader.heldBytes).toBe(0);
  });

  it("that only announce their length take nothing", async () => {
    const reader = new BodyReader(LIMITS);
    const readings = Array.from({ length: 100 }, () => sendPart(reader, 1, 95 * KiB));
    await Promise.all(readings);
    expect(reader.heldBytes).toBe(0);
  });
});
