import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { startEmulator } from "../../src/emulator/index.ts";
import { makeFolder } from "../support/process.ts";
import { startTestSubgraph, toConnections } from "../support/subgraph.ts";
import { readText } from "./pages.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TOKEN = "not-a-real-token-0001";

it("the example of docs/operating.md opens the secret that it asks for", async () => {
  const page = await readText("docs/operating.md");
  const code = /sealed-example\.test\.ts -->\n```js\n(.*?)```/s.exec(page)?.[1];
  if (code === undefined) throw new Error("the page has no example");
  const emulator = await startEmulator({ fleetSize: 2, seed: "example", quotas: "off" });
  const subgraph = await startTestSubgraph({
    connections: toConnections(emulator),
    sections: {
      auth: { mode: "gateway", gateway: { token: TOKEN } },
      secrets: { mode: "sealed", auditFile: `${await makeFolder()}/audit.log` },
    },
  });
  const { id, canaries } = emulator.fleet.aliyunIot.at(0);
  try {
    const run = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], {
      cwd: ROOT,
      env: {
        PATH: process.env["PATH"],
        SUBGRAPH_URL: subgraph.url,
        GATEWAY_TOKEN: TOKEN,
        CERTIFICATE_ID: id,
      },
    });
    const { stdout } = await run;
    expect(stdout).toContain(`-----BEGIN RSA PRIVATE KEY-----\n${canaries[0]}`);
  } finally {
    await subgraph.close();
    await emulator.close();
  }
});
