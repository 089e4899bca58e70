import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { type EmulatedCredential, startEmulator } from "../../src/emulator/index.ts";
import { listForms } from "../support/canaries.ts";
import { makeFolder, startSubgraphProcess } from "../support/process.ts";
import { toConnections } from "../support/subgraph.ts";
import { CERTIFICATES, PATIENT } from "./scene.ts";

/** Hands out the next credential at each request, as `ALIBABA_CLOUD_CREDENTIALS_URI` does. */
async function startCredentials(credentials: readonly EmulatedCredential[]): Promise<string> {
  let asked = 0;
  const server = createServer((_, response) => {
    const credential = credentials[Math.min(asked, credentials.length - 1)];
    asked += 1;
    response.end(
      JSON.stringify({
        Code: "Success",
        AccessKeyId: credential?.accessKeyId,
        AccessKeySecret: credential?.accessKeySecret,
        SecurityToken: credential?.securityToken,
        Expiration: new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, ""),
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return typeof address === "object" ? `http://127.0.0.1:${address?.port}/` : "";
}

it("a credential that was refused and replaced is gone from the memory of the process", async () => {
  const emulator = await startEmulator({ fleetSize: 10, seed: "rotation" });
  onTestFinished(() => emulator.close());
  const { expiredSts, sts } = emulator.credentials.aliyun;
  const folder = await makeFolder();
  const [, connection] = toConnections(emulator);
  const running = await startSubgraphProcess(
    {
      server: { port: 0, adminPort: 0, drainSeconds: 0 },
      connections: [{ ...connection, credentials: { source: "chain" } }],
    },
    {
      HOME: folder,
      ALIBABA_CLOUD_ECS_METADATA_DISABLED: "true",
      ALIBABA_CLOUD_CREDENTIALS_URI: await startCredentials([expiredSts, sts]),
      NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${folder}`,
    },
  );
  const ask = async (ids: readonly string[]) => {
    const response = await fetch(running.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: CERTIFICATES, variables: { ids } }),
    });
    return response.text();
  };
  const ids = [emulator.fleet.aliyunIot, emulator.fleet.aliyunMqtt].flatMap((product) =>
    product.ids(),
  );
  // The first call is refused, another credential is loaded, and the call made again with that.
  expect(await ask(ids)).not.toContain('"errors"');
  expect(emulator.calls.of("aliyun-iot", "QueryDeviceCert").refused).toBeGreaterThan(0);

  const readSnapshot = async () => {
    running.child.kill("SIGUSR2");
    const name = await vi.waitFor(async () => {
      const file = (await readdir(folder)).find((entry) => entry.endsWith(".heapsnapshot"));
      if (file === undefined) throw new Error("no snapshot yet");
      return file;
    }, PATIENT);
    // Written in one go: whoever is answered afterwards is answered after it.
    await ask(ids.slice(0, 1));
    return readFile(join(folder, name), "latin1");
  };
  const snapshot = await readSnapshot();
  expect(snapshot.includes(sts.accessKeySecret), "the credential that is in use").toBe(true);
  for (const secret of [expiredSts.accessKeySecret, expiredSts.securityToken ?? ""])
    for (const form of listForms(secret)) expect(snapshot.includes(form), form).toBe(false);
}, 120_000);
