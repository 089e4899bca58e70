// What is told of a certificate that is not there when its requester's time is over.
import type { ConnectedProduct } from "../device-certificate/certificate-id.ts";
import { ProviderError } from "../errors.ts";
import type { CallTicket } from "../quota/quota.ts";

/** When to ask again for a certificate whose call was sent but is not answered yet, in milliseconds. */
const RETRY_SENT_MS = 1_000;

/** Those of each connection that were made before, by when to ask again. */
const made = new WeakMap<ConnectedProduct, Map<number | "sent", ProviderError>>();

/** Why its last call failed tells more than that there was no time for another one. */
export function toTooLate(connected: ConnectedProduct, ticket: CallTicket): ProviderError {
  const { lastError } = ticket;
  if (lastError instanceof ProviderError) {
    const { retryAfterMs = 0 } = lastError;
    return lastError.withRetryAfterMs(
      Math.max(RETRY_SENT_MS, retryAfterMs, ticket.estimateWaitMs()),
    );
  }
  const { product, connection } = connected;
  const origin = { provider: product.prefix, connection };
  if (ticket.isSent) {
    return findOrMake(
      connected,
      "sent",
      () =>
        new ProviderError("PROVIDER_TIMEOUT", {
          origin,
          message: "The cloud did not answer in time.",
          retryAfterMs: RETRY_SENT_MS,
        }),
    );
  }
  const retryAfterMs = roundUp(Math.max(RETRY_SENT_MS, ticket.estimateWaitMs()));
  return findOrMake(
    connected,
    retryAfterMs,
    () =>
      new ProviderError("PROVIDER_THROTTLED", {
        origin,
        message: "The cloud's quota could not serve this in time; it is on its way.",
        retryAfterMs,
      }),
  );
}

/** The time of thousands may be over at one moment, and an error takes longer to make than all else that is done for it. */
function findOrMake(
  connected: ConnectedProduct,
  key: number | "sent",
  make: () => ProviderError,
): ProviderError {
  const ofConnection = made.get(connected) ?? new Map<number | "sent", ProviderError>();
  made.set(connected, ofConnection);
  const error = ofConnection.get(key) ?? make();
  ofConnection.set(key, error);
  return error;
}

/** To two digits: an estimate is no better, and so there are few that differ. */
function roundUp(ms: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(ms)) - 1);
  return Math.ceil(ms / step) * step;
}
