// A subgraph in front of an emulator of its own, whose quotas and deadline are those of one test.
import { afterAll } from "vitest";
import {
  type ApiName,
  type Emulator,
  type EmulatorOptions,
  startEmulator,
} from "../../src/emulator/index.ts";
import {
  type GraphQLAnswer,
  startTestSubgraph,
  type TestSubgraph,
  toConnections,
} from "../support/subgraph.ts";

export interface SceneOptions {
  readonly withinMs?: number;
  /** Overrides of the configuration, by API action. */
  readonly perSecond?: Readonly<Record<string, number>>;
  readonly emulator?: EmulatorOptions;
  readonly sections?: Readonly<Record<string, unknown>>;
}

export interface Scene {
  readonly emulator: Emulator;
  readonly subgraph: TestSubgraph;
  /** The ids of the fleet's certificates of this product. */
  ids(api: ApiName, from: number, to: number): string[];
  /** Calls that arrived, all actions of the API or one. */
  countCalls(api: ApiName, action?: string): number;
}

const scenes: Scene[] = [];

afterAll(async () => {
  await Promise.all(
    scenes.splice(0).map(async ({ subgraph, emulator }) => {
      // First the clouds, so that calls that nobody waits for any more do not hold up the end.
      await emulator.close();
      await subgraph.close();
    }),
  );
});

/** Ended after the tests of the file. */
export async function startScene(options: SceneOptions = {}): Promise<Scene> {
  const { withinMs = 10_000, perSecond = {}, sections = {} } = options;
  const emulator = await startEmulator({
    fleetSize: 400,
    seed: "scene",
    latencyMs: 15,
    jitterMs: 5,
    ...options.emulator,
  });
  const subgraph = await startTestSubgraph({
    connections: toConnections(emulator).map((connection) => ({
      ...connection,
      quota: { perSecond: toKnown(perSecond, connection["cloud"]) },
    })),
    sections: { answer: { withinMs }, ...sections },
  });
  const scene: Scene = {
    emulator,
    subgraph,
    ids: (api, from, to) => {
      const product = emulator.fleet.products.find(({ prefix }) => prefix === api);
      return product?.ids().slice(from, to) ?? [];
    },
    countCalls: (api, action) =>
      Object.entries(emulator.calls.toJson()[api] ?? {})
        .filter(([name]) => action === undefined || name === action)
        .reduce((sum, [, { arrived }]) => sum + arrived, 0),
  };
  scenes.push(scene);
  return scene;
}

export const LIST = "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id stale } }";

export interface Timed {
  readonly answer: GraphQLAnswer;
  readonly tookMs: number;
}

export async function askTimed({ subgraph }: Scene, ids: readonly string[]): Promise<Timed> {
  const askedAtMs = performance.now();
  const answer = await subgraph.ask(LIST, { ids });
  return { answer, tookMs: performance.now() - askedAtMs };
}

/** The ids that were answered, without those that had an error. */
export function toDelivered({ data }: GraphQLAnswer): string[] {
  return data.deviceCertificates.flatMap((one: { id: string } | null) => (one ? [one.id] : []));
}

function toKnown(perSecond: Readonly<Record<string, number>>, cloud: unknown) {
  const isAliyun = (action: string) =>
    action === "QueryDeviceCert" || action === "GetDeviceCredential";
  return Object.fromEntries(
    Object.entries(perSecond).filter(([action]) => isAliyun(action) === (cloud === "aliyun")),
  );
}
