import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type AuditLog, type HandOutRecord, openAuditLog } from "../../src/secrets/audit-log.ts";
import { makeFolder } from "../support/process.ts";

const toRecord = (secret: string): HandOutRecord => ({
  time: new Date(0).toISOString(),
  event: "secret-handed-out",
  subject: 'alice "the line\nbreaker"',
  authentication: "jwt",
  certificate: "aliyun-iot:default:a1:pump",
  secret,
  recipientThumbprint: "thumbprint",
  requestId: "request",
});

const soon = () => performance.now() + 10_000;

describe("an audit file", () => {
  let path: string;
  let log: AuditLog;

  beforeEach(async () => {
    path = join(await makeFolder(), "audit.log");
    log = await openAuditLog(path);
  });

  const readRecords = async (file = path): Promise<HandOutRecord[]> =>
    (await readFile(file, "utf8"))
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));

  it("holds a record once it is written, in one line whatever names are in it", async () => {
    await log.write(toRecord("privateKey"), soon());
    expect(await readRecords()).toEqual([toRecord("privateKey")]);
    expect((await readFile(path, "utf8")).match(/\n/g)).toHaveLength(1);
  });

  it("is for its owner's eyes alone", async () => {
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("keeps what was in it", async () => {
    await log.write(toRecord("first"), soon());
    await log.close();
    const again = await openAuditLog(path);
    await again.write(toRecord("second"), soon());
    await again.close();
    expect((await readRecords()).map(({ secret }) => secret)).toEqual(["first", "second"]);
  });

  it("holds every one of many that come at once, each whole", async () => {
    const names = Array.from({ length: 200 }, (_, index) => `secret-${index}`);
    await Promise.all(names.map((name) => log.write(toRecord(name), soon())));
    expect((await readRecords()).map(({ secret }) => secret)).toEqual(names);
  });

  it("is made anew when it was renamed, removed, or replaced", async () => {
    await log.write(toRecord("first"), soon());
    await rename(path, `${path}.1`);
    await log.write(toRecord("second"), soon());
    expect((await readRecords()).map(({ secret }) => secret)).toEqual(["second"]);
    expect((await readRecords(`${path}.1`)).map(({ secret }) => secret)).toEqual(["first"]);
    await rm(path);
    await log.write(toRecord("third"), soon());
    await writeFile(`${path}.new`, "");
    await rename(`${path}.new`, path);
    await log.write(toRecord("fourth"), soon());
    expect((await readRecords()).map(({ secret }) => secret)).toEqual(["fourth"]);
  });

  it("refuses a record that it cannot keep, and takes the next when it can", async () => {
    const folder = join(path, "..");
    await rename(folder, `${folder}.gone`);
    await expect(log.write(toRecord("lost"), soon())).rejects.toThrow("ENOENT");
    await rename(`${folder}.gone`, folder);
    await log.write(toRecord("kept"), soon());
    expect((await readRecords()).map(({ secret }) => secret)).toEqual(["kept"]);
  });

  it("refuses a record whose time is over", async () => {
    await expect(log.write(toRecord("late"), performance.now() - 1)).rejects.toThrow("too late");
    expect(await readRecords()).toEqual([]);
  });

  it.each([
    ["a folder", "/tmp"],
    ["a device", "/dev/null"],
    ["a full device", "/dev/full"],
    ["a place that is not there", "/nowhere/audit.log"],
  ])("cannot be %s: the process does not start", async (_, place) => {
    await expect(openAuditLog(place)).rejects.toThrow(place);
  });
});
