// What is installed, and what of it reaches production: checked on the lock file, without the network.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), "utf8");

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

interface LockFile {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

const lock: LockFile = JSON.parse(await read("package-lock.json"));
const manifest: Manifest = JSON.parse(await read("package.json"));

const installed = Object.entries(lock.packages).filter(([path]) => path !== "");
/** What `npm ci --omit=dev` installs: the content of the image. */
const runtime = installed.filter(([, { dev }]) => dev !== true);
const toName = (path: string) => path.replace(/^.*node_modules\//, "");

/** Licences that ask for nothing but to be named. Another one is a decision of its own. */
const LICENCES = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "(MIT AND BSD-3-Clause)",
]);

describe("package.json", () => {
  it("names every package in one exact version", () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.length).toBeGreaterThan(40);
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual(
      [],
    );
  });

  it("says of every package with an install script whether it may run, and the review says why", async () => {
    const review = await read("docs/decisions/install-scripts.md");
    const scripted = new Set(
      installed
        .filter(([, { hasInstallScript }]) => hasInstallScript === true)
        .map(([path]) => toName(path)),
    );
    expect(Object.keys(manifest.allowScripts).toSorted()).toEqual([...scripted].toSorted());
    for (const [name, isAllowed] of Object.entries(manifest.allowScripts)) {
      const row = review.split("\n").find((line) => line.startsWith(`| \`${name}\``));
      expect(row).toMatch(isAllowed ? /\| yes +\|$/ : /\| no +\|$/);
    }
  });
});

describe("the lock file", () => {
  it("is of the version 3, and has a strong digest of every package", () => {
    expect(lock.lockfileVersion).toBe(3);
    const without = installed.filter(([, { integrity }]) => !integrity?.startsWith("sha512-"));
    expect(without.map(([path]) => path)).toEqual([]);
  });
});

describe("in production", () => {
  it("runs no install script but those that were reviewed, and those are not allowed either", async () => {
    const review = await read("docs/decisions/install-scripts.md");
    const scripted = runtime
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path]) => toName(path));
    expect(scripted).toEqual(["@apollo/protobufjs"]);
    for (const name of scripted) {
      expect(review).toContain(`| \`${name}\``);
      expect(manifest.allowScripts[name]).toBe(false);
    }
    expect(await read("Dockerfile")).toContain("npm ci --omit=dev --ignore-scripts");
  });

  it("every package has a licence that was agreed to", () => {
    const others = runtime.filter(([, { license }]) => !LICENCES.has(license ?? "none"));
    expect(others.map(([path, { license }]) => `${path}: ${license}`)).toEqual([]);
  });

  it("no package is there that only development needs", () => {
    const names = new Set(runtime.map(([path]) => toName(path)));
    for (const name of Object.keys(manifest.dependencies)) expect(names).toContain(name);
    for (const name of ["vitest", "typescript", "node", "@apollo/gateway", "@biomejs/biome"]) {
      expect(names).not.toContain(name);
    }
  });

  it("the bill of materials lists every package, as CycloneDX", async () => {
    const { stdout } = await promisify(execFile)("npm", ["run", "--silent", "sbom"], {
      cwd: ROOT,
      maxBuffer: 64 * 1024 * 1024,
    });
    const bill: unknown = JSON.parse(stdout);
    expect(bill).toMatchObject({ bomFormat: "CycloneDX" });
    const listed = new Set(stdout.match(/pkg:npm\/[^"?]+/g)?.map(decodeURIComponent));
    const missing = runtime.filter(
      ([path, { version }]) => !listed.has(`pkg:npm/${toName(path)}@${version}`),
    );
    expect(missing.map(([path]) => path)).toEqual([]);
  }, 60_000);
});

describe("the image", () => {
  it("is made in stages of one exact version, and runs as a user without rights", async () => {
    const file = await read("Dockerfile");
    const bases = [...file.matchAll(/^(?:ARG NODE_IMAGE=|FROM )(\S+)/gm)].map((match) => match[1]);
    expect(bases).toHaveLength(4);
    for (const base of bases)
      expect(base).toMatch(/^(\$\{NODE_IMAGE\}|node:\d+\.\d+\.\d+-\w+-slim)$/);
    expect(file.slice(file.lastIndexOf("FROM "))).toMatch(/^USER node$/m);
    expect(file).not.toMatch(/^ADD |curl|wget|--privileged/m);
  });

  it("holds what is listed for it alone", async () => {
    const lines = (await read(".dockerignore")).split("\n").filter((line) => /^[^#\s]/.test(line));
    expect(lines[0]).toBe("*");
    expect(lines.slice(1).every((line) => line.startsWith("!"))).toBe(true);
  });
});
