import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type ApiName,
  type Emulator,
  type Fault,
  startEmulator,
} from "../../src/emulator/index.ts";
import { APIS, ROOT_FIELD, toAllProductsVariables } from "../support/all-products.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { readOperation } from "../support/operations.ts";
import {
  type GraphQLAnswer,
  startTestSubgraph,
  type TestSubgraph,
  toConnections,
} from "../support/subgraph.ts";

const ALL_PRODUCTS = readOperation("all-products");
/** Long enough that every attempt that the tables allow is made before it. */
const WITHIN_MS = 8_000;

const WATCHED_TOGETHER = 4;

interface Failure {
  readonly name: string;
  /** `null`: nobody listens at the cloud's address. */
  readonly fault: Fault | null;
  readonly code: string;
  /** Whether it is the cloud itself that refuses, in an answer with code and request id. */
  readonly isRefusal?: boolean;
}

const FAILURES: readonly Failure[] = [
  { name: "is gone", fault: null, code: "PROVIDER_UNAVAILABLE" },
  { name: "resets connections", fault: { kind: "reset" }, code: "PROVIDER_UNAVAILABLE" },
  { name: "sends a page of HTML", fault: { kind: "html502" }, code: "PROVIDER_UNAVAILABLE" },
  { name: "breaks off its answers", fault: { kind: "truncated" }, code: "PROVIDER_UNAVAILABLE" },
  {
    name: "sends half of the text",
    fault: { kind: "truncated", cut: "text" },
    code: "PROVIDER_UNAVAILABLE",
  },
  { name: "sends far too much", fault: { kind: "hugeBody" }, code: "PROVIDER_UNAVAILABLE" },
  { name: "sends other types", fault: { kind: "wrongTypes" }, code: "PROVIDER_UNAVAILABLE" },
  {
    name: "has an internal error",
    fault: { kind: "serverError" },
    // Without the cloud's own code: after several failures it is not asked any more.
    code: "PROVIDER_UNAVAILABLE",
  },
  { name: "never answers", fault: { kind: "hang" }, code: "PROVIDER_TIMEOUT" },
  { name: "answers too late", fault: { kind: "slow", latencyMs: 9_000 }, code: "PROVIDER_TIMEOUT" },
  {
    name: "answers drop by drop",
    fault: { kind: "slowBody", bytes: 1, everyMs: 500 },
    code: "PROVIDER_TIMEOUT",
  },
  {
    name: "throttles",
    fault: { kind: "throttle", retryAfterMs: 1_000 },
    code: "PROVIDER_THROTTLED",
    isRefusal: true,
  },
  {
    name: "denies permission",
    fault: { kind: "denied" },
    code: "PROVIDER_DENIED",
    isRefusal: true,
  },
  {
    name: "finds the token expired",
    fault: { kind: "expiredToken" },
    code: "PROVIDER_DENIED",
    isRefusal: true,
  },
];

interface Observation {
  readonly answer: GraphQLAnswer;
  readonly tookMs: number;
}

const emulators: Emulator[] = [];
const observations = new Map<string, Observation>();

beforeAll(async () => {
  // Each failure takes seconds of waiting: some are watched at the same time, once everything stands.
  for (let start = 0; start < FAILURES.length; start += WATCHED_TOGETHER) {
    const failures = FAILURES.slice(start, start + WATCHED_TOGETHER);
    const scenes = await Promise.all(failures.map((failure) => setScene(failure)));
    await Promise.all(scenes.flatMap(({ name, ask }) => APIS.map((api) => watch(name, api, ask))));
    await Promise.all(scenes.map(({ subgraph }) => subgraph.close()));
  }
}, 120_000);

afterAll(async () => {
  await Promise.all(emulators.map((emulator) => emulator.close()));
});

interface Scene {
  readonly name: string;
  readonly subgraph: TestSubgraph;
  /** Asks all four products of the emulator in which this API fails. */
  ask(api: ApiName): Promise<GraphQLAnswer>;
}

/** One subgraph with four connections to each cloud, each named for the API that fails behind it. */
async function setScene({ name, fault }: Failure): Promise<Scene> {
  const failing = await Promise.all(
    APIS.map(async (api) => {
      const emulator = await startEmulator({ fleetSize: 8, seed: "failures" });
      emulators.push(emulator);
      emulator.setFault(api, fault);
      const connections = toConnections(emulator, { name: api, callsPerSecond: 1_000 });
      const [cloud, endpoint = ""] = api.split("-");
      for (const connection of fault === null ? connections : [])
        if (connection["cloud"] === cloud)
          Object.assign(connection["endpoints"] ?? {}, {
            [endpoint]: `http://127.0.0.1:${CLOSED_PORT}`,
          });
      return { api, emulator, connections };
    }),
  );
  const subgraph = await startTestSubgraph({
    connections: failing.flatMap(({ connections }) => connections),
    sections: { answer: { withinMs: WITHIN_MS } },
  });
  return {
    name,
    subgraph,
    ask: (api) => {
      const emulator = failing.find((scene) => scene.api === api)?.emulator;
      if (emulator === undefined) throw new Error(`no emulator in which ${api} fails`);
      return subgraph.ask(ALL_PRODUCTS, toAllProductsVariables(emulator, 2, api));
    },
  };
}

async function watch(name: string, api: ApiName, ask: Scene["ask"]): Promise<void> {
  const startedAt = performance.now();
  const answer = await ask(api);
  observations.set(`${api} ${name}`, { answer, tookMs: performance.now() - startedAt });
}

describe.each(FAILURES)("when one cloud $name", ({ name, code, isRefusal = false }) => {
  describe.each(APIS.map((api, index) => ({ api, index })))("and it is $api", ({ api, index }) => {
    const observed = (): Observation => {
      const observation = observations.get(`${api} ${name}`);
      if (observation === undefined) throw new Error("not observed");
      return observation;
    };

    it("the other three answer all the same", () => {
      const { data } = observed().answer;
      for (const [other, otherApi] of APIS.entries()) {
        const isFailing = otherApi === api;
        for (const value of [
          data.deviceCertificates[other],
          data._entities[other],
          data[ROOT_FIELD[otherApi]],
        ]) {
          if (isFailing) expect(value).toBeNull();
          else expect(value).toMatchObject({ id: expect.stringContaining(`${otherApi}:${api}:`) });
        }
      }
    });

    it(`each missing answer has a ${code} at its exact path, and nothing else has an error`, () => {
      const { errors = [] } = observed().answer;
      expect(errors.map(({ path }) => path?.join(".")).toSorted()).toEqual(
        [`_entities.${index}`, `deviceCertificates.${index}`, ROOT_FIELD[api]].toSorted(),
      );
      for (const { extensions } of errors) {
        expect(extensions).toMatchObject({ code, provider: api, connection: api });
        if (code !== "PROVIDER_DENIED") expect(extensions["retryAfterMs"]).toBeGreaterThan(0);
        if (isRefusal) {
          expect(extensions["providerCode"]).toMatch(/^[A-Za-z]+(\.[A-Za-z]+)*$/);
          expect(extensions["requestId"]).toMatch(/^[0-9a-fA-F-]{36}$/);
        }
      }
    });

    it("the answer comes within the time that it may take", () => {
      expect(observed().tookMs).toBeLessThan(WITHIN_MS + 3_000);
    });

    it("the vendor's text stays in the log", () => {
      const { answer } = observed();
      expect(JSON.stringify(answer)).not.toMatch(
        /flow control|not authorized|SecurityToken is|unknown error|Bad Gateway|stack|ECONN/i,
      );
    });
  });
});

describe("a cloud that goes away while it is in use", () => {
  it("takes its own answers along, and the other cloud's stay", async () => {
    const [staying, leaving] = await Promise.all([
      startEmulator({ fleetSize: 8, seed: "failures" }),
      startEmulator({ fleetSize: 8, seed: "failures" }),
    ]);
    emulators.push(staying, leaving);
    const subgraph = await startTestSubgraph({
      connections: [staying, leaving].map((emulator, index) => toConnections(emulator)[index]),
      sections: { answer: { withinMs: 1_000 } },
    });
    try {
      const whole = await subgraph.ask(ALL_PRODUCTS, toAllProductsVariables(staying, 1));
      expect(whole.errors).toBeUndefined();
      await leaving.close();
      const { data, errors = [] } = await subgraph.ask(
        ALL_PRODUCTS,
        toAllProductsVariables(staying, 2),
      );
      expect(data.deviceCertificates).toEqual([expect.anything(), expect.anything(), null, null]);
      expect(errors.map(({ path }) => path?.join(".")).toSorted()).toEqual([
        "_entities.2",
        "_entities.3",
        "aliyunIotDeviceCertificate",
        "aliyunMqttDeviceCredential",
        "deviceCertificates.2",
        "deviceCertificates.3",
      ]);
      // What was read before it went is answered as before.
      const known = await subgraph.ask(ALL_PRODUCTS, toAllProductsVariables(staying, 1));
      expect(known).toEqual(whole);
    } finally {
      await subgraph.close();
    }
  });
});
