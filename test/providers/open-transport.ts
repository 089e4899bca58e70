import { createServer as createTcpServer } from "node:net";
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

/** A port where nobody listens. */
export async function findClosedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("Not listening on a port");
  return address.port;
}
