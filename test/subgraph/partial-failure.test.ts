import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type ApiName,
  type Emulator,
  type Fault,
  startEmulator,
} from "../../src/emulator/index.ts";
import { APIS, ROOT_FIELD, toAllProductsVariables } from "../support/all-products.ts";
import { readOperation } from "../support/operations.ts";
import { type GraphQLAnswer, startTestSubgraph, toConnections } from "../support/subgraph.ts";

const ALL_PRODUCTS = readOperation("all-products");
/** Long enough that every attempt that the tables allow is made before it. */
const WITHIN_MS = 4_000;

interface Failure {
  readonly name: string;
  /** `null`: nobody listens at the cloud's address. */
  readonly fault: Fault | null;
  readonly code: string;
  /** Whether it is the cloud itself that refuses, in an answer with code and request id. */
  readonly isRefusal?: boolean;
  /** Short where more attempts would stop the calls, and with them the cloud's own code. */
  readonly withinMs?: number;
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
    code: "PROVIDER_UNAVAILABLE",
    isRefusal: true,
    withinMs: 350,
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
  readonly logged: string;
}

const emulators: Emulator[] = [];
const observations = new Map<string, Observation>();
let closedOrigin = "";

beforeAll(async () => {
  closedOrigin = await findClosedOrigin();
  // Each failure of each cloud takes seconds of waiting: all are watched at the same time.
  const observeAll = (failures: readonly Failure[]) =>
    Promise.all(
      failures.flatMap((failure) =>
        APIS.map(async (api) => {
          observations.set(`${api} ${failure.name}`, await observe(api, failure));
        }),
      ),
    );
  await observeAll(FAILURES.filter(({ withinMs }) => withinMs === undefined));
  await observeAll(FAILURES.filter(({ withinMs }) => withinMs !== undefined));
});

afterAll(async () => {
  await Promise.all(emulators.map((emulator) => emulator.close()));
});

/** A port that nobody listens on. */
async function findClosedOrigin(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" ? `http://127.0.0.1:${address?.port}` : "";
}

async function observe(
  api: ApiName,
  { fault, withinMs = WITHIN_MS }: Failure,
): Promise<Observation> {
  const emulator = await startEmulator({ fleetSize: 8, seed: "failures" });
  emulators.push(emulator);
  const connections = toConnections(emulator);
  if (fault === null) {
    const [cloud, name = ""] = api.split("-");
    for (const connection of connections)
      if (connection["cloud"] === cloud)
        Object.assign(connection["endpoints"] ?? {}, { [name]: closedOrigin });
  } else {
    emulator.setFault(api, fault);
  }
  const subgraph = await startTestSubgraph({
    connections,
    sections: { answer: { withinMs } },
  });
  const startedAt = performance.now();
  const answer = await subgraph.ask(ALL_PRODUCTS, toAllProductsVariables(emulator, 2));
  const tookMs = performance.now() - startedAt;
  await subgraph.close();
  return { answer, tookMs, logged: subgraph.logged() };
}

describe.each(FAILURES)("when one cloud $name", ({ name, code, isRefusal = false }) => {
  describe.each(APIS.map((api, index) => ({ api, index })))("and it is $api", ({ api, index }) => {
    const watch = (): Observation => {
      const observation = observations.get(`${api} ${name}`);
      if (observation === undefined) throw new Error("not observed");
      return observation;
    };

    it("the other three answer all the same", () => {
      const { data } = watch().answer;
      for (const [other, otherApi] of APIS.entries()) {
        const isFailing = otherApi === api;
        for (const value of [
          data.deviceCertificates[other],
          data._entities[other],
          data[ROOT_FIELD[otherApi]],
        ]) {
          if (isFailing) expect(value).toBeNull();
          else expect(value).toMatchObject({ id: expect.stringContaining(`${otherApi}:default:`) });
        }
      }
    });

    it(`each missing answer has a ${code} at its exact path, and nothing else has an error`, () => {
      const { errors = [] } = watch().answer;
      expect(errors.map(({ path }) => path?.join(".")).toSorted()).toEqual(
        [`_entities.${index}`, `deviceCertificates.${index}`, ROOT_FIELD[api]].toSorted(),
      );
      for (const { extensions } of errors) {
        expect(extensions).toMatchObject({ code, provider: api, connection: "default" });
        if (code !== "PROVIDER_DENIED") expect(extensions["retryAfterMs"]).toBeGreaterThan(0);
        if (isRefusal) {
          expect(extensions["providerCode"]).toMatch(/^[A-Za-z]+(\.[A-Za-z]+)*$/);
          expect(extensions["requestId"]).toMatch(/^[0-9a-fA-F-]{36}$/);
        }
      }
    });

    it("the answer comes within the time that it may take", () => {
      expect(watch().tookMs).toBeLessThan(WITHIN_MS + 1_500);
    });

    it("the vendor's text stays in the log", () => {
      const { answer } = watch();
      expect(JSON.stringify(answer)).not.toMatch(
        /flow control|not authorized|SecurityToken is|unknown error|Bad Gateway|stack|ECONN/i,
      );
    });
  });
});
