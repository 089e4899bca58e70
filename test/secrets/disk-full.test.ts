// A disk that is full takes a part of what is written, and then nothing.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { makeFolder } from "../support/process.ts";

/** How many more bytes the disk takes. */
const disk = vi.hoisted(() => ({ freeBytes: Number.POSITIVE_INFINITY }));

vi.mock("node:fs", async (importOriginal) => {
  const real = await importOriginal<typeof import("node:fs")>();
  const writeReal = promisify(real.write);
  const write = Object.assign(() => {}, {
    [promisify.custom]: async (descriptor: number, bytes: Buffer) => {
      if (disk.freeBytes === 0) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
      const part = bytes.subarray(0, Math.min(bytes.length, disk.freeBytes));
      disk.freeBytes -= part.length;
      return writeReal(descriptor, part);
    },
  });
  return { ...real, write };
});

const { openAuditLog } = await import("../../src/secrets/audit-log.ts");

const toRecord = (secret: string) =>
  ({
    time: new Date(0).toISOString(),
    event: "secret-handed-out",
    subject: null,
    authentication: "jwt",
    certificate: "aliyun-iot:default:a1:pump",
    secret,
    recipientThumbprint: "thumbprint",
    requestId: "request",
  }) as const;
const soon = () => performance.now() + 10_000;

describe("an audit file on a disk that gets full", () => {
  beforeEach(() => {
    disk.freeBytes = Number.POSITIVE_INFINITY;
  });

  it.each([0, 1, 40])(
    "refuses the record of which it took %d bytes, and later ones are whole lines",
    async (bytes) => {
      const path = join(await makeFolder(), "audit.log");
      const log = await openAuditLog(path);
      await log.write(toRecord("before"), soon());

      disk.freeBytes = bytes;
      await expect(log.write(toRecord("torn"), soon())).rejects.toThrow("ENOSPC");
      await expect(log.write(toRecord("torn too"), soon())).rejects.toThrow("ENOSPC");
      disk.freeBytes = Number.POSITIVE_INFINITY;
      await log.write(toRecord("after"), soon());
      await log.write(toRecord("last"), soon());
      await log.close();

      const lines = (await readFile(path, "utf8")).split("\n").filter(Boolean);
      const whole = lines
        .filter((line) => line.endsWith("}"))
        .map((line) => JSON.parse(line).secret);
      expect(whole).toEqual(["before", "after", "last"]);
      expect(lines).toHaveLength(bytes === 0 ? 3 : 4);
    },
  );

  it("refuses every one of those that were to be written together", async () => {
    const log = await openAuditLog(join(await makeFolder(), "audit.log"));
    disk.freeBytes = 300;
    const outcomes = await Promise.allSettled(
      ["a", "b", "c"].map((name) => log.write(toRecord(name), soon())),
    );
    // The first was written before the others came together.
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    await log.close();
  });
});

describe("an audit file that was closed", () => {
  it("refuses records", async () => {
    const log = await openAuditLog(join(await makeFolder(), "audit.log"));
    await log.close();
    await expect(log.write(toRecord("late"), soon())).rejects.toThrow("closed");
  });
});
