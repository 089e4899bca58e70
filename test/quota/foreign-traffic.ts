// Questions that are asked all the time while others use a fifth of the same account, for tests on the fake clock.
import { ProviderError } from "../../src/errors.ts";
import { createCaller } from "../../src/providers/caller.ts";
import { Circuit } from "../../src/providers/circuit.ts";
import { CallTicket, type Quota } from "../../src/quota/quota.ts";
import { createRandom, elapse, type SimulatedCloud } from "./simulated-cloud.ts";

export const origin = { provider: "cloud-product", connection: "default" };

export interface ForeignTrafficOptions {
  readonly cloud: SimulatedCloud;
  readonly limit: number;
  /** One for each replica. */
  readonly quotas: readonly Quota[];
  readonly seconds: number;
  readonly pass: (ms: number) => Promise<void>;
}

export function toRefusal(): ProviderError {
  return new ProviderError("PROVIDER_THROTTLED", {
    origin,
    message: "the cloud refuses the call",
    isRetryable: true,
  });
}

export interface Answered {
  readonly asked: number;
  readonly answered: number;
  readonly failures: readonly unknown[];
}

/** Large questions one after the other, and each second a small one, of every replica. */
export async function askBesideForeignTraffic(options: ForeignTrafficOptions): Promise<Answered> {
  const { cloud, limit, quotas, seconds, pass } = options;
  const random = createRandom(5);
  const addForeign = () => {
    cloud.takeForeign();
    setTimeout(addForeign, Math.round((1_000 / (limit * 0.2)) * 2 * random()));
  };
  addForeign();
  const send = () =>
    cloud.call().catch(() => {
      throw toRefusal();
    });
  let asked = 0;
  let answered = 0;
  const failures: unknown[] = [];
  const askers = quotas.map((quota) => {
    const caller = createCaller({
      quota,
      circuit: new Circuit(),
      origin,
      retryWithinMs: 10_000,
      random,
    });
    return async (calls: number) => {
      const requester = { deadlineMs: Number.POSITIVE_INFINITY };
      asked += calls;
      await Promise.all(
        Array.from({ length: calls }, () =>
          caller.call(send, { tickets: [new CallTicket(requester)] }).then(
            () => {
              answered += 1;
            },
            (error: unknown) => failures.push(error),
          ),
        ),
      );
    };
  });
  for (const ask of askers) {
    const keepAsking = async () => {
      for (;;) {
        await ask(limit * 5);
        await elapse(300);
      }
    };
    void keepAsking();
  }
  for (let n = 0; n < seconds; n += 1) {
    for (const ask of askers) void ask(1);
    await pass(1_000);
  }
  return { asked, answered, failures };
}
