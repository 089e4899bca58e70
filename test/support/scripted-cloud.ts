// A product in front of a cloud that answers from a script, for tests of how each answer is read.
import { pino } from "pino";
import type { CertificateFacts } from "../../src/device-certificate/device-certificate.ts";
import type {
  CertificateProduct,
  CertificateReading,
} from "../../src/device-certificate/product.ts";
import { createCloudClock } from "../../src/providers/cloud-clock.ts";
import { createStaticSource } from "../../src/providers/credentials.ts";
import type { HttpRequest } from "../../src/providers/transport.ts";
import { CallTicket } from "../../src/quota/quota.ts";
import { Secret } from "../../src/secret.ts";

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON unless it is a text. */
  readonly body: unknown;
}

export interface Script {
  readonly product: CertificateProduct;
  /** One a call, the last one again and again. */
  readonly answers: readonly ScriptedAnswer[];
  /** The keys of the certificates that are asked for. */
  readonly keys: readonly (readonly string[])[];
  /** Those of a second question, asked after the first was answered. */
  readonly nextKeys?: readonly (readonly string[])[];
  readonly needsDetail?: boolean;
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface ScriptedResult {
  readonly outcomes: PromiseSettledResult<CertificateReading | null>[];
  readonly requests: readonly HttpRequest[];
}

/** Asks the product, without quota and retries. */
export async function askScripted(script: Script): Promise<ScriptedResult> {
  const { product, answers, keys, nextKeys = [], needsDetail = false, settings = {} } = script;
  const requests: HttpRequest[] = [];
  const source = product.connect({
    name: "default",
    region: "region-1",
    settings,
    credentials: createStaticSource({
      accessKeyId: "key-id",
      accessKeySecret: new Secret("not-a-real-secret"),
    }),
    transport: {
      host: "cloud.example",
      send: async (request) => {
        const answer = answers[Math.min(requests.length, answers.length - 1)];
        requests.push(request);
        const { status = 200, headers = {}, body } = answer ?? { body: "no answer" };
        return { status, headers, body: typeof body === "string" ? body : JSON.stringify(body) };
      },
      close: async () => {},
    },
    clock: createCloudClock(),
    caller: () => ({
      call: (send) => send(new AbortController().signal),
      estimatedWaitMs: 0,
      isFailing: false,
    }),
    log: pino({ level: "silent" }),
  });
  const ask = (asked: Script["keys"]) =>
    Promise.allSettled(
      source.fetch(
        asked.map((key) => ({
          key,
          needsDetail,
          ticket: new CallTicket({ deadlineMs: Number.POSITIVE_INFINITY }),
        })),
      ),
    );
  const outcomes = await ask(keys);
  return { outcomes: [...outcomes, ...(await ask(nextKeys))], requests };
}

/** The facts of the one certificate that is asked for; rejects with the failure. */
export async function readFacts(
  script: Omit<Script, "keys"> & { readonly key: readonly string[] },
): Promise<CertificateFacts | null> {
  const { outcomes } = await askScripted({ ...script, keys: [script.key] });
  const [outcome] = outcomes;
  if (outcome?.status !== "fulfilled") throw outcome?.reason;
  return outcome.value === null ? null : outcome.value.facts;
}
