// Sends made-up requests to a subgraph: `npm run fuzz -- --requests 1000000 --seed 7`. The tests send 20,000.
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "200000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const env = { ...process.env, FUZZ_REQUESTS: values.requests, FUZZ_SEED: values.seed };
const npm = process.platform === "win32" ? "npm.cmd" : "npm";
const { status } = spawnSync(npm, ["test", "--", "test/hostile/fuzz.test.ts"], {
  env,
  stdio: "inherit",
});
process.exitCode = status ?? 1;
