import { inspect } from "node:util";
import { onTestFinished } from "vitest";
import {
  createTransport,
  type Transport,
  TransportError,
  type TransportOptions,
} from "../../src/providers/transport.ts";

/** Closed with the test; reads no proxy from the environment that the tests run in. */
export function openTransport(options: TransportOptions): Transport {
  const transport = createTransport({ environment: {}, ...options });
  onTestFinished(() => transport.close());
  return transport;
}

export async function failureOf(sent: Promise<unknown>): Promise<TransportError> {
  const error = await sent.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof TransportError) return error;
  throw new Error(`Expected a TransportError, got ${inspect(error)}`);
}
