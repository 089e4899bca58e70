// Runs the emulator from a shell: prints what is needed to use it, ends with Ctrl-C or SIGTERM.
import { parseArgs } from "node:util";
import { type Emulator, type EmulatorOptions, startEmulator } from "./index.ts";
import { FILTER_MEANINGS } from "./tencent-mqtt.ts";

const FIRST_PORT = 4101;

const USAGE = `Usage: npm run emulator -- [options]

  --fleet N              certificates in each of the four products (1000)
  --seed TEXT            fixes every certificate, id and secret (emulator)
  --ports N | A,B,C,D,E  the first of five ports, or all: Tencent MQTT, Tencent SSL, Alibaba IoT,
                         Alibaba MQTT, control (${FIRST_PORT}); 0 for any free ones
  --latency-ms N         network latency, one way (0)
  --jitter-ms N          how far a passage may be from it (0)
  --filter-meaning M     several values in a filter of Tencent MQTT: ${FILTER_MEANINGS.join(", ")} (or)
  --no-quota             no limits of calls a second
  --help
`;

await main();

async function main(): Promise<void> {
  let options: EmulatorOptions | null;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (options === null) {
    process.stdout.write(USAGE);
    return;
  }
  try {
    const emulator = await startEmulator(options);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        void emulator.close();
      });
    }
    process.stdout.write(toGreeting(emulator));
  } catch (error) {
    process.stderr.write(`The emulator cannot start: ${String(error)}\n`);
    process.exitCode = 1;
  }
}

function readOptions(args: readonly string[]): EmulatorOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      fleet: { type: "string" },
      seed: { type: "string" },
      ports: { type: "string", default: String(FIRST_PORT) },
      "latency-ms": { type: "string" },
      "jitter-ms": { type: "string" },
      "filter-meaning": { type: "string" },
      "no-quota": { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) return null;
  const filterMeaning = FILTER_MEANINGS.find((meaning) => meaning === values["filter-meaning"]);
  if (values["filter-meaning"] !== undefined && filterMeaning === undefined) {
    throw new Error(`--filter-meaning must be one of ${FILTER_MEANINGS.join(", ")}.`);
  }
  return {
    ports: toPorts(values.ports),
    ...(values.fleet !== undefined && { fleetSize: toNumber("--fleet", values.fleet) }),
    ...(values.seed !== undefined && { seed: values.seed }),
    ...(values["latency-ms"] !== undefined && {
      latencyMs: toNumber("--latency-ms", values["latency-ms"]),
    }),
    ...(values["jitter-ms"] !== undefined && {
      jitterMs: toNumber("--jitter-ms", values["jitter-ms"]),
    }),
    ...(filterMeaning !== undefined && { filterMeaning }),
    ...(values["no-quota"] === true && { quotas: "off" }),
  };
}

function toPorts(text: string): NonNullable<EmulatorOptions["ports"]> {
  const given = text.split(",").map((port) => toNumber("--ports", port));
  const [first = 0] = given;
  const all = given.length > 1 || first === 0 ? given : [0, 1, 2, 3, 4].map((step) => first + step);
  const [mqtt = 0, ssl = 0, iot = 0, onsMqtt = 0, control = 0] = all;
  return {
    "tencent-mqtt": mqtt,
    "tencent-ssl": ssl,
    "aliyun-iot": iot,
    "aliyun-mqtt": onsMqtt,
    control,
  };
}

function toNumber(option: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`${option} takes whole numbers, not "${text}".`);
}

function toGreeting({ origins, controlOrigin, credentials, fleet }: Emulator): string {
  const { tencent, aliyun } = credentials;
  const ids = fleet.products.flatMap((product) => product.ids().slice(0, 3));
  return `The emulated clouds are ready. Each product holds ${fleet.size} certificates.

  Tencent Cloud MQTT    ${origins.tencent.mqtt}
  Tencent Cloud SSL     ${origins.tencent.ssl}
  Alibaba Cloud IoT     ${origins.aliyun.iot}
  Alibaba Cloud MQTT    ${origins.aliyun.mqtt}
  control               ${controlOrigin}

A configuration for the subgraph; save it as config.yaml and run npm start -- --config config.yaml:

connections:
  - cloud: tencent
    name: default
    region: ap-guangzhou
    credentials:
      accessKeyId: ${tencent.static.accessKeyId}
      accessKeySecret: ${tencent.static.accessKeySecret}
    endpoints:
      mqtt: ${origins.tencent.mqtt}
      ssl: ${origins.tencent.ssl}
  - cloud: aliyun
    name: default
    region: cn-shanghai
    credentials:
      accessKeyId: ${aliyun.static.accessKeyId}
      accessKeySecret: ${aliyun.static.accessKeySecret}
    endpoints:
      iot: ${origins.aliyun.iot}
      mqtt: ${origins.aliyun.mqtt}

Temporary credentials, which need their securityToken as well:

  tencent  ${tencent.sts.accessKeyId}  ${tencent.sts.accessKeySecret}  ${tencent.sts.securityToken}
  aliyun   ${aliyun.sts.accessKeyId}  ${aliyun.sts.accessKeySecret}  ${aliyun.sts.securityToken}

Some certificate ids (more: curl '${controlOrigin}/ids?from=0&to=100'):

${ids.map((id) => `  ${id}`).join("\n")}

Faults:

  curl -X POST ${controlOrigin}/faults -d '{"api":"aliyun-iot","kind":"hang"}'
  curl -X POST ${controlOrigin}/faults -d '{"api":"tencent-mqtt","kind":"throttle","fraction":0.3}'
  curl -X DELETE ${controlOrigin}/faults
  curl ${controlOrigin}/calls

Ctrl-C ends the emulator.
`;
}
