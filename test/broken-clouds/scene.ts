// A subgraph in front of an emulator in which one API, that of Alibaba's IoT Platform, can be broken in every way.
import { onTestFinished } from "vitest";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../src/emulator/index.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import {
  type GraphQLAnswer,
  startTestSubgraph,
  type TestSubgraph,
  toConnections,
} from "../support/subgraph.ts";

export const CERTIFICATES =
  "query($ids: [ID!]!) { deviceCertificates(ids: $ids) { id stale providerStatus } }";
/** For everything that waits for an event: far longer than it takes, also on a busy machine. */
export const PATIENT = { timeout: 30_000, interval: 50 };

export interface Scene {
  readonly emulator: Emulator;
  /** Between the subgraph and the broken API. */
  readonly proxy: FaultProxy;
  readonly subgraph: TestSubgraph;
  ask(ids: readonly string[]): Promise<GraphQLAnswer>;
  /** Of the broken API. */
  ids(from: number, to: number): string[];
  /** One of each of the other three. */
  readonly otherIds: readonly string[];
  readCircuit(): Promise<string>;
}

export async function startScene(
  options: {
    readonly withinMs?: number;
    readonly callsPerSecond?: number;
    readonly sections?: object;
    readonly emulator?: EmulatorOptions;
  } = {},
): Promise<Scene> {
  const { withinMs = 3_000, callsPerSecond = 1_000, sections = {} } = options;
  const emulator = await startEmulator({
    fleetSize: 60,
    seed: "broken",
    quotas: "off",
    ...options.emulator,
  });
  const proxy = await startFaultProxy(emulator.origins.aliyun.iot);
  const connections = toConnections(
    {
      ...emulator,
      origins: { ...emulator.origins, aliyun: { ...emulator.origins.aliyun, iot: proxy.origin } },
    },
    { callsPerSecond },
  );
  const subgraph = await startTestSubgraph({
    connections,
    sections: { answer: { withinMs }, ...sections },
  });
  onTestFinished(async () => {
    await subgraph.close();
    await proxy.close();
    await emulator.close();
  });
  const { tencentMqtt, tencentSsl, aliyunIot, aliyunMqtt } = emulator.fleet;
  return {
    emulator,
    proxy,
    subgraph,
    ask: (ids) => subgraph.ask(CERTIFICATES, { ids }),
    ids: (from, to) => aliyunIot.ids().slice(from, to),
    otherIds: [tencentMqtt, tencentSsl, aliyunMqtt].map((product) => product.ids()[0] ?? ""),
    readCircuit: async () => {
      const { data } = await subgraph.ask("{ providerQuotas { action circuit } }");
      const quotas: readonly { action: string; circuit: string }[] = data.providerQuotas;
      return quotas.find(({ action }) => action === "QueryDeviceCert")?.circuit ?? "none";
    },
  };
}
