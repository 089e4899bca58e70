import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { findBreaks } from "../../scripts/schema-breaks.ts";
import { makeFolder } from "../support/process.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/breaking-changes.ts", import.meta.url));
const FILE = "schema/device-certificates.graphql";
const committed = readFileSync(new URL(`../../${FILE}`, import.meta.url), "utf8");

/** The schema with one piece of its text replaced, which must be there. */
function change(before: string, after: string): string {
  expect(committed).toContain(before);
  return committed.replace(before, after);
}

const withoutTagKey = () => change("  tagKey: String!\n", "  name: String!\n");
const WITHOUT_TAG_KEY = "TencentTag.tagKey was removed.";

describe("a change of the schema", () => {
  const KEY =
    "type AliyunIotDeviceCertificate implements X509DeviceCertificate & DeviceCertificate";

  it.each([
    ["takes a field away", withoutTagKey, WITHOUT_TAG_KEY],
    [
      "makes a field nullable",
      () => change("  tagKey: String!\n", "  tagKey: String\n"),
      "changed type from String! to String",
    ],
    [
      "takes a value away",
      () => change('  """Withdrawn for good."""\n  REVOKED\n', ""),
      "REVOKED was removed",
    ],
    [
      "demands an argument",
      () =>
        change(
          "    id: ID!\n  ): DeviceCertificate",
          "    id: ID!\n    at: Int!\n  ): DeviceCertificate",
        ),
      "A required arg at",
    ],
    [
      "takes a key away",
      () => change(`${KEY} @key(fields: "id")`, KEY),
      'AliyunIotDeviceCertificate lost its @key(fields: "id").',
    ],
    [
      "demands a scope of an old field",
      () => change("  productKey: ID!\n", '  productKey: ID! @requiresScopes(scopes: [["new"]])\n'),
      'AliyunIotDeviceCertificate.productKey now has @requiresScopes(scopes: [["new"]]).',
    ],
  ])("that %s is a break", (_what, changed, description) => {
    const breaks = findBreaks(committed, changed()).map((found) => found.description);
    expect(breaks).toContainEqual(expect.stringContaining(description));
  });

  it.each([
    ["nothing", () => committed],
    ["a field more", () => change("  tagKey: String!\n", "  tagKey: String!\n  note: String\n")],
    [
      "a key more",
      () => change('@key(fields: "id")', '@key(fields: "id") @key(fields: "id connection")'),
    ],
    ["a scope less", () => committed.replaceAll(/ @requiresScopes\(.*\)/g, "")],
    ["another description", () => change('"""Key of the tag.', '"""The key.')],
    ["another version of federation", () => change("/v2.9", "/v2.7")],
  ])("that is %s is none", (_what, changed) => {
    expect(findBreaks(committed, changed())).toEqual([]);
  });
});

describe("the check of breaking changes", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await makeFolder();
    await mkdir(join(folder, "schema"));
    await write({ schema: committed });
  });

  async function write({
    schema,
    changelog = "# Changes\n",
  }: {
    schema: string;
    changelog?: string;
  }) {
    await writeFile(join(folder, FILE), schema);
    await writeFile(join(folder, "CHANGELOG.md"), changelog);
  }

  function git(...args: readonly string[]) {
    const identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
    const { status, stderr } = spawnSync("git", [...identity, ...args], {
      cwd: folder,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  }

  function commit() {
    git("add", "--all");
    git("commit", "--quiet", "--message", "A change");
  }

  function check(...args: readonly string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], {
      cwd: folder,
      encoding: "utf8",
    });
    return { status, output: stdout + stderr };
  }

  it("lets pass what breaks nothing, and says with what it compared", () => {
    git("init", "--quiet");
    commit();
    expect(check()).toEqual({
      status: 0,
      output: `${FILE} has no earlier version that it could break.\n`,
    });
  });

  it("fails on a break that is not committed yet", async () => {
    git("init", "--quiet");
    commit();
    await write({ schema: withoutTagKey() });
    const { status, output } = check();
    expect(status).toBe(1);
    expect(output).toContain(WITHOUT_TAG_KEY);
    expect(output).toContain(`- **Breaking:** ${WITHOUT_TAG_KEY} REASON`);
  });

  it("fails on a break that is committed, as CI sees it", async () => {
    git("init", "--quiet");
    commit();
    await write({ schema: withoutTagKey() });
    commit();
    await write({ schema: withoutTagKey(), changelog: "# Changes\n\nNothing of it.\n" });
    commit();
    expect(check()).toMatchObject({ status: 1, output: expect.stringContaining(WITHOUT_TAG_KEY) });
  });

  it("fails on a break since the latest release, whatever was committed in between", async () => {
    git("init", "--quiet");
    commit();
    git("tag", "v1.0.0");
    await write({ schema: withoutTagKey() });
    commit();
    await write({
      schema: withoutTagKey().replace("  name: String!\n", "  name: String!\n  more: Int\n"),
    });
    commit();
    expect(check()).toMatchObject({ status: 1, output: expect.stringContaining("as of v1.0.0") });
  });

  it("compares with another commit when told so", async () => {
    git("init", "--quiet");
    commit();
    git("branch", "base");
    await write({ schema: withoutTagKey() });
    commit();
    await write({ schema: `${withoutTagKey()}\n` });
    commit();
    expect(check().status).toBe(0);
    expect(check("--base", "base").status).toBe(1);
    expect(check("--base", "nonsense")).toMatchObject({
      status: 1,
      output: expect.stringContaining("Cannot read"),
    });
  });

  it("lets pass a break that the changelog declares with a reason", async () => {
    git("init", "--quiet");
    commit();
    const declare = (reason: string) =>
      write({
        schema: withoutTagKey(),
        changelog: `# Changes\n\n- **Breaking:** ${WITHOUT_TAG_KEY}${reason}\n`,
      });
    await declare("");
    expect(check().status).toBe(1);
    await declare(" REASON");
    expect(check().status).toBe(1);
    await declare(" It was always empty: ask for name.");
    expect(check()).toEqual({
      status: 0,
      output: `${FILE} breaks nothing of HEAD but what is declared.\n`,
    });
  });

  it("says so when a shallow clone has nothing to compare with", async () => {
    git("init", "--quiet");
    commit();
    await write({ schema: withoutTagKey() });
    commit();
    const origin = folder;
    folder = await makeFolder();
    git("clone", "--quiet", "--depth", "1", `file://${origin}`, ".");
    expect(check()).toMatchObject({ status: 0, output: expect.stringContaining("is shallow") });
  });

  it("says so where there is no git history at all", () => {
    expect(check()).toMatchObject({ status: 0, output: expect.stringContaining("No git history") });
  });

  it("fails when git is there and cannot read the repository", async () => {
    await writeFile(join(folder, ".git"), "gitdir: nowhere\n");
    expect(check()).toMatchObject({
      status: 1,
      output: expect.stringContaining("git cannot read"),
    });
  });
});
