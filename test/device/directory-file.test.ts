import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type DirectoryFile, openDirectoryFile } from "../../src/device/directory-file.ts";
import { makeFolder } from "../support/process.ts";

interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

async function openFile(path: string): Promise<{ file: DirectoryFile; logged: LogLine[] }> {
  const logged: LogLine[] = [];
  const toLevel = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void logged.push({ level, fields, message });
  const log = {
    debug: toLevel("debug"),
    info: toLevel("info"),
    warn: toLevel("warn"),
    error: toLevel("error"),
  };
  const file = await openDirectoryFile({
    path,
    log: log as unknown as Parameters<typeof openDirectoryFile>[0]["log"],
    pollMs: 5,
    checkCertificateId: (id) => {
      if (!id.startsWith("c")) throw new Error(`no certificate id: ${id}`);
    },
  });
  onTestFinished(() => file.close());
  return { file, logged };
}

const write = async (name: string, content: string | Uint8Array) => {
  const path = join(await makeFolder(), name);
  await writeFile(path, content);
  return path;
};
const wait = <T>(look: () => T) => vi.waitFor(look, { timeout: 15_000, interval: 5 });

describe("a directory file", () => {
  it("keeps its good rows, and the log tells each bad one with its line", async () => {
    const path = await write(
      "devices.csv",
      'deviceId,certificateId\r\nd1,c1\r\n"d2,c2\r\nd3\r\n\r\nd4,x4\r\nd1,c5',
    );
    const { file, logged } = await openFile(path);
    expect(file.find("d1")).toEqual(["c1", "c5"]);
    expect(file.find("d4")).toEqual([]);
    expect(logged).toEqual([
      ...[
        [3, "a quote is lost, or stands inside of a field"],
        [4, "expected 2 columns, got 1"],
        [6, "no certificate id: x4"],
      ].map(([line, reason]) => ({
        level: "warn",
        fields: { file: path, line, reason },
        message: "a row of the directory file is left out",
      })),
      {
        level: "info",
        fields: expect.objectContaining({ file: path, rows: 2, badRows: 3 }),
        message: "the directory file was read",
      },
    ]);
  });

  it("is read to its end however its lines are cut, and not one bad line is told past the twentieth", async () => {
    const lines = Array.from({ length: 20_000 }, (_, row) =>
      row % 100 === 0 ? "bad" : `d${row},c${row}-泵`,
    );
    const { file, logged } = await openFile(await write("devices.csv", lines.join("\n")));
    for (const row of [1, 777, 9999, 19_999]) expect(file.find(`d${row}`)).toEqual([`c${row}-泵`]);
    expect(logged).toHaveLength(21);
    expect(logged.at(-1)?.fields).toMatchObject({ rows: 19_800, badRows: 200 });
  });

  it("loses one line to bytes that are no text, and one to a line without end", async () => {
    const content = Buffer.concat([
      Buffer.from("d1,c1\nd2,"),
      Buffer.from([0xff, 0xfe]),
      Buffer.from("\nd3,c3\nd4,c"),
      Buffer.alloc(300_000, "x"),
      Buffer.from("\nd5,c5\n"),
      Buffer.alloc(300_000, "y"),
    ]);
    const { file, logged } = await openFile(await write("devices.csv", content));
    expect(["d1", "d3", "d5"].map((id) => file.find(id))).toEqual([["c1"], ["c3"], ["c5"]]);
    expect(logged.slice(0, -1).map(({ fields }) => [fields["line"], fields["reason"]])).toEqual([
      [2, "is not UTF-8 text"],
      [4, "is longer than 16384 bytes"],
      [6, "is longer than 16384 bytes"],
    ]);
  });

  it("may be empty", async () => {
    const { file, logged } = await openFile(await write("devices.csv", ""));
    expect(file.find("d1")).toEqual([]);
    expect(logged).toMatchObject([{ level: "info", fields: { rows: 0, badRows: 0 } }]);
  });

  it("must be there at first", async () => {
    await expect(openFile(join(await makeFolder(), "devices.csv"))).rejects.toThrow("ENOENT");
    await expect(openFile(await makeFolder())).rejects.toThrow("EISDIR");
  });
});

describe("what is told of a directory file", () => {
  it("is how many rows are served and left out, since when, and how often it could not be read", async () => {
    const path = await write("devices.csv", "d1,c1\nd2,c2\nd3,x\n");
    const beforeMs = performance.now();
    const { file } = await openFile(path);
    const first = file.readUse();
    expect(first).toMatchObject({ rows: 2, badRows: 1, failures: 0 });
    expect(first.readAtMs).toBeGreaterThan(beforeMs);

    await rm(path);
    await wait(() => expect(file.readUse().failures).toBeGreaterThan(1));
    expect(file.readUse()).toMatchObject({ rows: 2, readAtMs: first.readAtMs });
    await writeFile(path, "d1,c1\n");
    await wait(() => expect(file.readUse()).toMatchObject({ rows: 1, badRows: 0 }));
    expect(file.readUse().readAtMs).toBeGreaterThan(first.readAtMs);

    const { failures } = file.readUse();
    await writeFile(path, "<html>");
    await wait(() => expect(file.readUse().failures).toBe(failures + 1));
    expect(file.readUse().rows).toBe(1);
  });
});

describe("a directory file that changes", () => {
  it("is read again when it is written in place", async () => {
    const path = await write("devices.csv", "d1,c1\n");
    const { file } = await openFile(path);
    await writeFile(path, "d1,c2\nd2,c3\n");
    await wait(() => expect(file.find("d1")).toEqual(["c2"]));
    expect(file.find("d2")).toEqual(["c3"]);
  });

  it("is read again when another file takes its place", async () => {
    const path = await write("devices.csv", "d1,c1\n");
    const { file } = await openFile(path);
    for (const round of [2, 3, 4]) {
      await writeFile(`${path}.new`, `d1,c${round}\n`);
      await rename(`${path}.new`, path);
      await wait(() => expect(file.find("d1")).toEqual([`c${round}`]));
    }
  });

  it("is read again when a link on the way to it is changed, as Kubernetes mounts do", async () => {
    const folder = await makeFolder();
    const publish = async (name: string, content: string) => {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "devices.csv"), content);
      await symlink(name, join(folder, "..data_tmp"));
      await rename(join(folder, "..data_tmp"), join(folder, "..data"));
    };
    await publish("..first", "d1,c1\n");
    await symlink("..data/devices.csv", join(folder, "devices.csv"));
    const { file } = await openFile(join(folder, "devices.csv"));
    expect(file.find("d1")).toEqual(["c1"]);
    await publish("..second", "d1,c2\n");
    await rm(join(folder, "..first"), { recursive: true });
    await wait(() => expect(file.find("d1")).toEqual(["c2"]));
  });

  it("serves what was read before while it is away, says so once, and is read when it is back", async () => {
    const path = await write("devices.csv", "d1,c1\n");
    const { file, logged } = await openFile(path);
    await rm(path);
    await wait(() => expect(logged.filter(({ level }) => level === "error")).toHaveLength(1));
    expect(file.find("d1")).toEqual(["c1"]);
    await writeFile(path, "d1,c2\n");
    await wait(() => expect(file.find("d1")).toEqual(["c2"]));
    expect(logged.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  it("does not replace anything when not one row of it can be used", async () => {
    const path = await write("devices.csv", "d1,c1\n");
    const { file, logged } = await openFile(path);
    await writeFile(path, "<html>\n<h1>502 Bad Gateway</h1>\n");
    await wait(() => expect(logged.at(-1)?.message).toMatch(/no usable row/));
    expect(file.find("d1")).toEqual(["c1"]);
    await writeFile(path, "");
    await wait(() => expect(file.find("d1")).toEqual([]));
  });

  it("is read even while somebody never stops replacing it", async () => {
    const path = await write("devices.csv", "d1,c1\n");
    const { file } = await openFile(path);
    for (let round = 2; file.find("d1")[0] === "c1"; round++) {
      await writeFile(`${path}.new`, `d1,c${round}\n`);
      await rename(`${path}.new`, path);
    }
    expect(file.find("d1")).toEqual([expect.stringMatching(/^c\d+$/)]);
  });

  it("is not looked at once it is closed", async () => {
    const path = await write("devices.csv", "d1,c1\n");
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { file } = await openFile(path);
    expect(vi.getTimerCount()).toBe(1);
    await file.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
