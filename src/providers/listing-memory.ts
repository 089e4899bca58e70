// Remembers whether a connection's list call takes several values as alternatives, which is undocumented.
import type { CertificateReading } from "../device-certificate/product.ts";
import { type CallOrigin, ProviderError, RequestError } from "../errors.ts";
import type { Log } from "../log.ts";

export interface ListingMemory {
  /** Whether several values in one list call are worth a try. */
  readonly isListing: boolean;
  /** The cloud refused a list call with several values; show it what became of each of them alone. */
  refused(): {
    watch(reading: MaybeReading | Promise<MaybeReading>): Promise<MaybeReading>;
  };
  /** A list call for so many certificates brought so many of them; tell it of each that a single call found after all. */
  listed(wanted: number, found: number): Listed;
}

/** One answer of the list call. */
export interface Listed {
  /** Whether it looks as if only one of several values had been read. */
  readonly isSuspicious: boolean;
  foundAlone(reading: MaybeReading): MaybeReading;
}

type MaybeReading = CertificateReading | null;

const TRY_AGAIN_MS = 10 * 60_000;

export function createListingMemory(origin: CallOrigin, log: Log): ListingMemory {
  let pausedUntilMs = Number.NEGATIVE_INFINITY;
  let isReported = false;

  function pause(reason: string): void {
    pausedUntilMs = performance.now() + TRY_AGAIN_MS;
    if (isReported) return;
    isReported = true;
    log.warn(
      { ...origin },
      `list calls with several values are given up for now: the cloud ${reason}`,
    );
  }

  return {
    get isListing() {
      return performance.now() >= pausedUntilMs;
    },
    refused() {
      pause("refuses them");
      return {
        async watch(reading) {
          try {
            return await reading;
          } catch (error) {
            // It was this value that the cloud does not take, not that there were several.
            const isRefused = error instanceof RequestError || error instanceof ProviderError;
            if (isRefused) pausedUntilMs = Number.NEGATIVE_INFINITY;
            throw error;
          }
        },
      };
    },
    listed(wanted, found) {
      const isSuspicious = wanted > 1 && found <= 1;
      return {
        isSuspicious,
        foundAlone(reading) {
          if (isSuspicious && reading !== null) pause("reads only one of them");
          return reading;
        },
      };
    },
  };
}
