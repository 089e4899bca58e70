// `npm run sbom`: prints what production installs, as CycloneDX. From a copy of the lock file without development:
// `npm sbom --omit=dev` alone leaves out every package that development uses as well (npm 11.19, seen in November 2026).
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));
const withoutDevelopment = ({ devDependencies: _, ...manifest }) => manifest;

const lock = read("package-lock.json");
const packages = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
lock.packages = Object.fromEntries(packages);
lock.packages[""] = withoutDevelopment(lock.packages[""]);

const folder = mkdtempSync(join(tmpdir(), "sbom-"));
try {
  const write = (name, value) => writeFileSync(join(folder, name), JSON.stringify(value));
  write("package.json", withoutDevelopment(read("package.json")));
  write("package-lock.json", lock);
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const args = ["sbom", "--sbom-format=cyclonedx", "--package-lock-only"];
  const { status } = spawnSync(npm, args, { cwd: folder, stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
