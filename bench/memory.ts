// The memory that cached certificates take, for 100,000 of them: `npm run bench -- memory [certificates measured]`.
import { fork } from "node:child_process";
import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Emulated } from "./emulator-process.ts";
import { startOurs } from "./own-server.ts";

const COUNT = Number(process.argv[2] ?? 10_000);
const TOLD_FOR = 100_000;
const AT_ONCE = 1000;
const PREFIXES = ["tencent-mqtt", "tencent-ssl"] as const;
const STEPS = [
  { name: "cached", fields: "id" },
  {
    name: "every X.509 fact read",
    fields: "id ... on X509DeviceCertificate { subject notAfter pem pemChain fingerprintSha256 }",
  },
];

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const emulator = fork(new URL("emulator-process.js", import.meta.url), [
  JSON.stringify({ fleetSize: COUNT, quotas: "off" }),
]);
const [emulated] = (await once(emulator, "message")) as [Emulated];
const { accessKeyId, accessKeySecret } = emulated.credentials["tencent"]?.static ?? {};
const url = await startOurs({
  server: { port: 0, adminPort: 0 },
  answer: { withinMs: 60_000 },
  connections: [
    {
      cloud: "tencent",
      region: "ap-guangzhou",
      credentials: { accessKeyId, accessKeySecret },
      endpoints: emulated.origins["tencent"],
      quota: { perSecond: { DescribeDeviceCertificates: 200, DescribeCertificates: 200 } },
    },
  ],
});

console.log(`| product | ${STEPS.map(({ name }) => name).join(" | ")} |`);
console.log(`| --- | ${STEPS.map(() => "---").join(" | ")} |`);
for (const prefix of PREFIXES) {
  const ids = emulated.ids[prefix] ?? [];
  // Code and connections are warm before the first measurement.
  for (const { fields } of STEPS) await ask(ids.slice(0, 50), fields);
  const before = readMegabytes();
  const cells: string[] = [];
  for (const { fields } of STEPS) {
    for (let from = 50; from < ids.length; from += AT_ONCE) {
      await ask(ids.slice(from, from + AT_ONCE), fields);
    }
    const megabytes = ((readMegabytes() - before) * TOLD_FOR) / (ids.length - 50);
    cells.push(`${megabytes.toFixed(0)} MB`);
  }
  console.log(`| ${prefix} | ${cells.join(" | ")} |`);
}
emulator.disconnect();
process.exit(0);

async function ask(ids: readonly string[], fields: string): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      query: `query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { ... on DeviceCertificate { ${fields} } } }`,
      variables: { ids },
    }),
  });
  const { errors } = (await response.json()) as { errors?: readonly unknown[] };
  if (errors !== undefined) throw new Error(JSON.stringify(errors[0]));
}

/** Heap and what lies outside of it, such as the bytes of certificates. */
function readMegabytes(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1024 / 1024;
}
