// Part of `npm run check:static`: fails when the schema breaks what is built on an earlier one, unless CHANGELOG.md
// declares it. Compared are the last committed schema that differs, and the one of the latest release.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { findBreaks } from "./schema-breaks.ts";

const FILE = "schema/device-certificates.graphql";
const CHANGELOG = "CHANGELOG.md";
const MARK = "- **Breaking:** ";

/** An earlier schema, and the commit or tag that has it. */
interface Version {
  readonly commit: string;
  readonly schema: string;
}

main();

function main(): void {
  // In CI: the branch that a change is for, or the commit before a push of several.
  const { base } = parseArgs({ options: { base: { type: "string" } } }).values;
  if (base === undefined && !isGitHere()) {
    say(`No git history here: whether ${FILE} breaks an earlier one was not checked.`);
    return;
  }
  const current = readFileSync(FILE, "utf8");
  const versions = base === undefined ? findVersions(current) : [readVersion(base)];
  if (versions.length === 0) say(describeMissingHistory());
  for (const version of versions) compare(version, current);
}

function compare({ commit, schema }: Version, current: string): void {
  const breaks = findBreaks(schema, current);
  const undeclared = breaks.filter(({ description }) => !isDeclared(description));
  if (undeclared.length === 0) {
    say(`${FILE} breaks nothing of ${commit}${breaks.length > 0 ? " but what is declared" : ""}.`);
    return;
  }
  process.exitCode = 1;
  say(`${FILE} breaks what is built on it as of ${commit}:

${undeclared.map(({ type, description }) => `  ${type}: ${description}`).join("\n")}

Add beside the old and mark the old @deprecated. A break that is meant is declared in ${CHANGELOG}, with its reason:

${undeclared.map(({ description }) => `  ${MARK}${description} REASON`).join("\n")}
`);
}

/** Declared is what stands there with a reason behind it. */
function isDeclared(description: string): boolean {
  return readFileSync(CHANGELOG, "utf8")
    .split("\n")
    .some((line) => line.startsWith(`${MARK}${description} `) && !line.endsWith(" REASON"));
}

function findVersions(current: string): Version[] {
  if (git("rev-parse", "--verify", `HEAD:./${FILE}`) === null) return [];
  const head = readVersion("HEAD");
  const last = head.schema === current ? findPrevious() : head;
  const tag = git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*");
  return [...(last ? [last] : []), ...(tag ? [readVersion(tag.trim())] : [])];
}

/** The schema before the commit that made it what it is in HEAD. */
function findPrevious(): Version | null {
  const [, commit] = (git("log", "-2", "--format=%h", "--", FILE) ?? "").trim().split("\n");
  return commit === undefined ? null : readVersion(commit);
}

function readVersion(commit: string): Version {
  const schema = git("show", `${commit}:./${FILE}`);
  if (schema !== null) return { commit, schema };
  return leave(`Cannot read ${FILE} of ${commit}: is it a commit of this clone?`);
}

function describeMissingHistory(): string {
  return git("rev-parse", "--is-shallow-repository") === "true\n"
    ? `This clone is shallow and has no earlier ${FILE}: whether it breaks one was not checked. git fetch --unshallow brings the history.`
    : `${FILE} has no earlier version that it could break.`;
}

/** A tarball has no history. Where there is one, a git that cannot read it is an error. */
function isGitHere(): boolean {
  if (git("rev-parse", "--is-inside-work-tree") === "true\n") return true;
  if (!existsSync(".git")) return false;
  const { error, stderr } = spawnSync("git", ["status"], { encoding: "utf8" });
  return leave(`git cannot read this repository: ${error?.message ?? stderr}`);
}

/** What git prints, or `null` when it refuses. */
function git(...args: readonly string[]): string | null {
  const { status, stdout } = spawnSync("git", args, { encoding: "utf8", maxBuffer: 2 ** 26 });
  return status === 0 ? stdout : null;
}

function leave(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
