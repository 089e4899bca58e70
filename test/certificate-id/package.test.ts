// The helper as another subgraph gets it: built, typed, and in a folder where no package of ours can be found.
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

const CONSUMER = `import {
  type AliyunIotCertificateId,
  CertificateIdError,
  type CertificateIdParts,
  formatCertificateId,
  parseCertificateId,
} from "device-certificates-subgraph/certificate-id";

const id: string = formatCertificateId({ product: "aliyun-iot", productKey: "a1:2", deviceName: "p" });
const parts: CertificateIdParts = parseCertificateId(id);
if (parts.product === "aliyun-iot") {
  const narrowed: AliyunIotCertificateId = parts;
  console.log(id, narrowed.productKey);
}
try {
  parseCertificateId("tencent-ssl:default");
} catch (error) {
  if (error instanceof CertificateIdError) console.log(error.segment);
}
// @ts-expect-error: a part of another product
formatCertificateId.bind(null, { product: "aliyun-iot", productKey: "a", clientId: "b" });
// @ts-expect-error: a product that there is not
const unknown: CertificateIdParts["product"] = "aws-iot";
void unknown;
`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consumer-"));
  const installed = join(folder, "node_modules/device-certificates-subgraph");
  await mkdir(installed, { recursive: true });
  await copyFile(join(ROOT, "package.json"), join(installed, "package.json"));
  await run(process.execPath, [
    TSC,
    ...["-p", join(ROOT, "tsconfig.build.json"), "--outDir", join(installed, "dist")],
  ]);
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await writeFile(join(folder, "consumer.ts"), CONSUMER);
  const compilerOptions = {
    strict: true,
    target: "ES2022",
    module: "NodeNext",
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: [],
    lib: ["ES2022", "DOM"],
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the package's entry ./certificate-id", () => {
  it("compiles in another project with all types, and runs there without any package", async () => {
    const { stdout } = await run(process.execPath, [TSC, "-p", folder]).catch((error) => error);
    expect(stdout).toBe("");
    const ran = await run(process.execPath, [join(folder, "consumer.js")], { cwd: folder });
    expect(ran.stdout.split("\n")).toEqual([
      "aliyun-iot:default:a1%3A2:p a1:2",
      "CertificateId",
      "",
    ]);
  }, 120_000);

  it("is the only one", async () => {
    await writeFile(
      join(folder, "inside.js"),
      'import "device-certificates-subgraph/dist/main.js";',
    );
    await expect(run(process.execPath, [join(folder, "inside.js")])).rejects.toThrow(
      "ERR_PACKAGE_PATH_NOT_EXPORTED",
    );
  });
});
