import "reflect-metadata";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CertificateFacts } from "../../src/device-certificate/device-certificate.ts";
import type {
  CertificateProduct,
  CertificateReading,
} from "../../src/device-certificate/product.ts";
import {
  type ApiName,
  type Emulator,
  type Fault,
  startEmulator,
} from "../../src/emulator/index.ts";
import { ProviderError } from "../../src/errors.ts";
import { products } from "../../src/providers/index.ts";
import { APIS } from "../support/all-products.ts";
import { type ConnectedTestProduct, connectTestProduct } from "../support/connected-product.ts";

/** What the emulator knows of each product that the contract does not say. */
const UNKNOWN_KEYS: Readonly<Record<ApiName, readonly string[]>> = {
  "tencent-mqtt": ["mqtt-emul0001", "4bef68a582b94254296e54ce754f94d707a59911"],
  "tencent-ssl": ["nowhere1"],
  "aliyun-iot": ["a1emulX509A", "nobody"],
  "aliyun-mqtt": ["post-cn-emul00001", "GID_emulated@@@nobody"],
};

const findApi = ({ prefix }: CertificateProduct): ApiName => {
  const api = APIS.find((name) => name === prefix);
  if (api === undefined) throw new Error(`the emulator has no ${prefix}`);
  return api;
};

type Outcome = PromiseSettledResult<CertificateReading | null>;

const factsOf = (outcome: Outcome | undefined): CertificateFacts | null => {
  if (outcome?.status !== "fulfilled") throw outcome?.reason;
  return outcome.value === null ? null : outcome.value.facts;
};

/** The values of the key's segments that the facts hold, in the one spelling. */
const keyOf = (product: CertificateProduct, facts: CertificateFacts | null): readonly string[] =>
  product.key.map(({ argument, canonical = (value: string) => value }) =>
    canonical(String(facts === null ? null : Reflect.get(facts, argument))),
  );

const toCanonical = ({ key }: CertificateProduct, values: readonly string[]) =>
  key.map(({ canonical = (value: string) => value }, index) => canonical(values[index] ?? ""));

describe.each(products.map((product) => ({ prefix: product.prefix, product })))(
  "the product $prefix",
  ({ product }) => {
    const api = findApi(product);
    let emulator: Emulator;
    let connected: ConnectedTestProduct;
    let keys: readonly (readonly string[])[];

    beforeAll(async () => {
      emulator = await startEmulator({ fleetSize: 40, seed: "contract", quotas: "off" });
      const fleet = emulator.fleet.products.find(({ prefix }) => prefix === product.prefix);
      keys = fleet?.all().map(({ key }) => key) ?? [];
      connected = await connectTestProduct(product, emulator, { callsPerSecond: 5_000 });
    });

    afterAll(async () => {
      await connected?.close();
      await emulator?.close();
    });

    async function withFault<T>(fault: Fault, run: () => Promise<T>): Promise<T> {
      emulator.setFault(api, fault);
      try {
        return await run();
      } finally {
        emulator.setFault(api, null);
      }
    }

    /** In front of an emulator of its own, so that failures of several kinds can be had at the same time. */
    async function failWith(fault: Fault): Promise<{ error: ProviderError; calls: number }> {
      const own = await startEmulator({ fleetSize: 1, seed: "contract", quotas: "off" });
      own.setFault(api, fault);
      const alone = await connectTestProduct(product, own, { withinMs: 400 });
      try {
        const [outcome] = await alone.fetch([keys[0] ?? []]);
        if (outcome?.status !== "rejected") throw new Error("Expected a failure");
        if (!(outcome.reason instanceof ProviderError)) throw outcome.reason;
        return { error: outcome.reason, calls: own.calls.recent().length };
      } finally {
        await alone.close();
        await own.close();
      }
    }

    it.each([false, true])(
      "keeps the order and the length of what is asked (detail: %s)",
      async (needsDetail) => {
        const asked = keys.toReversed();
        const outcomes = await connected.fetch(asked, needsDetail);
        expect(outcomes.map((outcome) => keyOf(product, factsOf(outcome)))).toEqual(
          asked.map((key) => toCanonical(product, key)),
        );
      },
    );

    it("answers the same whether certificates are asked for together or one by one", async () => {
      const together = (await connected.fetch(keys.slice(0, 8), true)).map(factsOf);
      for (const [index, key] of keys.slice(0, 8).entries()) {
        const [alone] = await connected.fetch([key], true);
        expect(inspect(factsOf(alone))).toEqual(inspect(together[index]));
      }
    });

    it("answers nothing with nothing", async () => {
      expect(await connected.fetch([])).toEqual([]);
    });

    it("answers null for what the cloud does not know, among others and alone", async () => {
      const unknown = UNKNOWN_KEYS[api];
      const outcomes = await connected.fetch([keys[3] ?? [], unknown, keys[4] ?? []]);
      expect(outcomes.map((outcome) => factsOf(outcome) === null)).toEqual([false, true, false]);
      expect(await connected.fetch([unknown])).toEqual([{ status: "fulfilled", value: null }]);
      expect(await connected.fetch([unknown], true)).toEqual([
        { status: "fulfilled", value: null },
      ]);
    });

    it("keeps each failure in its slot", async () => {
      // On a connection of its own: it remembers for a while that it was refused.
      const own = await connectTestProduct(product, emulator, { callsPerSecond: 5_000 });
      // One at a time, so that each key stands for itself whatever can be listed.
      const outcomes = await withFault({ kind: "denied", fraction: 0.4 }, () =>
        Promise.all(keys.slice(0, 20).map(async (key) => (await own.fetch([key], true))[0])),
      );
      const together = await withFault({ kind: "denied", fraction: 0.4 }, () =>
        own.fetch(keys.slice(0, 20), true),
      );
      await own.close();
      for (const slots of [outcomes, together]) {
        expect(slots).toHaveLength(20);
        for (const [index, outcome] of slots.entries()) {
          if (outcome?.status === "rejected") expect(outcome.reason).toBeInstanceOf(ProviderError);
          else
            expect(keyOf(product, factsOf(outcome))).toEqual(
              toCanonical(product, keys[index] ?? []),
            );
        }
      }
      expect(new Set(outcomes.map((outcome) => outcome?.status)).size).toBe(2);
    });

    it("says of throttling when to come again", async () => {
      const { error } = await failWith({ kind: "throttle", retryAfterMs: 700 });
      expect(error.extensions).toEqual({
        code: "PROVIDER_THROTTLED",
        provider: product.prefix,
        connection: "default",
        providerCode: expect.stringMatching(/Limit|Throttling/),
        requestId: expect.stringMatching(/^[0-9A-Fa-f-]{36}$/),
        retryAfterMs: expect.any(Number),
      });
      expect(error.extensions["retryAfterMs"]).toBeGreaterThan(0);
    });

    it.each(["denied", "expiredToken"] as const)(
      "says of credentials that are refused (%s) that they are, and does not ask again",
      async (kind) => {
        const { error, calls } = await failWith({ kind });
        expect(error.extensions).toEqual({
          code: "PROVIDER_DENIED",
          provider: product.prefix,
          connection: "default",
          providerCode: expect.any(String),
          requestId: expect.stringMatching(/^[0-9A-Fa-f-]{36}$/),
        });
        expect(calls).toBe(1);
      },
    );

    it("holds no secret in an error of any kind", async () => {
      const faults: readonly Fault[] = [
        { kind: "throttle" },
        { kind: "hang" },
        { kind: "reset" },
        { kind: "html502" },
        { kind: "truncated" },
        { kind: "truncated", cut: "text" },
        { kind: "hugeBody" },
        { kind: "wrongTypes" },
        { kind: "denied" },
        { kind: "expiredToken" },
        { kind: "serverError" },
      ];
      const failures = await Promise.all(faults.map(failWith));
      for (const { error } of failures) {
        const shown = showAll(error);
        expect(shown).toContain(error.extensions["code"]);
        for (const secret of emulator.listCanaries()) expect(shown).not.toContain(secret);
        expect(shown).not.toMatch(/CANARY|Signature=|PRIVATE KEY/);
      }
    });

    it("writes no secret to its log", async () => {
      await connected.fetch(keys.slice(0, 10), true);
      expect(connected.logged()).not.toMatch(/CANARY|Signature=|PRIVATE KEY/);
    });

    it("drops every secret where the answer is decoded", async () => {
      const readings = (await connected.fetch(keys, true)).map(factsOf);
      expect(
        inspect(readings, { depth: null, showHidden: true, maxArrayLength: null }),
      ).not.toMatch(/CANARY|PRIVATE KEY/);
    });
  },
);

/** Everything that an error may show anywhere, the whole chain of causes included. */
function showAll(error: unknown): string {
  const shown: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    shown.push(inspect(cause, { depth: null, showHidden: true, maxStringLength: null }));
    shown.push(String(cause), cause.stack ?? "", JSON.stringify(cause));
    shown.push(JSON.stringify(Object.getOwnPropertyDescriptors(cause)));
  }
  return shown.join("\n");
}

describe("the quota that each cloud documents", () => {
  const cases = [
    { api: "tencent-mqtt", action: "DescribeDeviceCertificate", callsPerSecond: 20, count: 50 },
    { api: "tencent-ssl", action: "DescribeCertificate", callsPerSecond: 10, count: 25 },
    { api: "aliyun-iot", action: "QueryDeviceCert", callsPerSecond: 10, count: 25 },
    { api: "aliyun-mqtt", action: "GetDeviceCredential", callsPerSecond: 300, count: 700 },
  ] as const;
  const counts = new Map<string, ReturnType<Emulator["calls"]["of"]>>();

  beforeAll(async () => {
    // All four at once: most of it is waiting.
    await Promise.all(
      cases.map(async ({ api, action, count }) => {
        const product = products.find(({ prefix }) => prefix === api);
        if (product === undefined) throw new Error(`no product ${api}`);
        const emulator = await startEmulator({
          fleetSize: count,
          seed: "quota",
          latencyMs: 5,
          jitterMs: 5,
          // Where certificates can be listed, so that each costs a call all the same.
          filterMeaning: "refuse",
        });
        const connected = await connectTestProduct(product, emulator);
        const fleet = emulator.fleet.products.find(({ prefix }) => prefix === api);
        const outcomes = await connected.fetch(fleet?.all().map(({ key }) => key) ?? [], true);
        for (const outcome of outcomes) expect(factsOf(outcome)).not.toBeNull();
        counts.set(api, emulator.calls.of(api, action));
        await connected.close();
        await emulator.close();
      }),
    );
  });

  it.each(cases)(
    "is never exceeded in any one second: $api $action $callsPerSecond",
    ({ api, callsPerSecond, count }) => {
      const { maxCallsInAnySecond, throttled, arrived } = counts.get(api) ?? {};
      expect(arrived).toBe(count);
      expect(throttled).toBe(0);
      expect(maxCallsInAnySecond).toBeLessThanOrEqual(callsPerSecond);
    },
  );
});

describe.each(["tencent-mqtt", "tencent-ssl"] as const)("the lists of %s", (api) => {
  const product = products.find(({ prefix }) => prefix === api);
  const listAction = {
    "tencent-mqtt": "DescribeDeviceCertificates",
    "tencent-ssl": "DescribeCertificates",
  }[api];
  let emulator: Emulator;
  let keys: readonly (readonly string[])[];

  beforeAll(async () => {
    emulator = await startEmulator({ fleetSize: 60, seed: "lists", quotas: "off" });
    const fleet = emulator.fleet.products.find(({ prefix }) => prefix === api);
    keys = fleet?.all().map(({ key }) => key) ?? [];
  });

  afterAll(async () => {
    await emulator?.close();
  });

  async function fetchAll(): Promise<void> {
    if (product === undefined) throw new Error(`no product ${api}`);
    const connected = await connectTestProduct(product, emulator, { callsPerSecond: 5_000 });
    try {
      const asked = [...keys, UNKNOWN_KEYS[api]];
      const outcomes = await connected.fetch(asked);
      expect(outcomes).toHaveLength(asked.length);
      for (const [index, outcome] of outcomes.slice(0, -1).entries())
        expect(keyOf(product, factsOf(outcome))).toEqual(toCanonical(product, keys[index] ?? []));
      expect(factsOf(outcomes.at(-1))).toBeNull();
    } finally {
      await connected.close();
    }
  }

  it("save calls when they work", async () => {
    emulator.calls.reset();
    await fetchAll();
    const calls = Object.values(emulator.calls.toJson()[api] ?? {});
    expect(calls.reduce((sum, { arrived }) => sum + arrived, 0)).toBeLessThan(keys.length / 4);
  });

  it.each(["missing", "extra", "doubled", "contradictory", "reordered"] as const)(
    "never give another device's certificate when their items are %s",
    async (anomaly) => {
      emulator.setFault(api, { kind: "listAnomaly", anomaly });
      try {
        await fetchAll();
      } finally {
        emulator.setFault(api, null);
      }
    },
  );

  it.each(["or", "first", "refuse"] as const)(
    "give right answers whatever several values of a filter mean: %s",
    async (meaning) => {
      emulator.setFilterMeaning(meaning);
      try {
        await fetchAll();
      } finally {
        emulator.setFilterMeaning("or");
      }
    },
  );

  it.each<Fault>([{ kind: "denied" }, { kind: "serverError" }])(
    "that fail are not taken for an absence: %j",
    async (fault) => {
      if (product === undefined) throw new Error(`no product ${api}`);
      const connected = await connectTestProduct(product, emulator, { withinMs: 300 });
      emulator.setFault(api, { ...fault, action: listAction });
      try {
        for (const outcome of await connected.fetch(keys.slice(0, 20))) {
          if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(ProviderError);
          else expect(outcome.value).not.toBeNull();
        }
      } finally {
        emulator.setFault(api, null);
        await connected.close();
      }
    },
  );
});
