// What replicas tell each other of certificates, wherever that stands: readings, and who reads which certificate now.

/** How much of a certificate is read: what a list call brings, what a single call adds, and what stays in the process. */
export const DEPTH = { summary: 0, detail: 1, whole: 2 } as const;
export type Depth = (typeof DEPTH)[keyof typeof DEPTH];

/** One certificate that somebody wants to know of. */
export interface Wish {
  readonly canonicalId: string;
  readonly depth: Depth;
}

/** A reading as it is stored. */
export interface StoredReading {
  readonly text: string;
  readonly depth: Depth;
  /** How long ago the cloud gave it, by the clock of the store, in milliseconds. */
  readonly ageMs: number;
  /** As the replica saw it that stored it. */
  readonly isFresh: boolean;
}

export interface LookUp {
  /** Whatever is stored, also when it is not enough. */
  readonly stored: StoredReading | undefined;
  /**
   * `nobody`: what is stored is fresh and deep enough.
   * `us`: nothing that is enough is stored and nobody else reads it, so it is ours to read now.
   * `another`: another replica reads it.
   */
  readonly reader: "nobody" | "us" | "another";
  /** Which other replica. */
  readonly owner: string | undefined;
}

/** What a replica reads now, so that the others wait for it instead of reading it too. Runs out unless it is renewed. */
export interface Claim {
  readonly canonicalId: string;
  readonly depth: Depth;
  /** What `lookUp` was called with when the claim was made. */
  readonly token: number;
  /** Whether another replica is known to wait for it. */
  readonly isAwaited: boolean;
}

/** When a replica thinks to have what others wait for. */
export interface Expectation {
  readonly canonicalId: string;
  /** From now; 0 when the call is on its way. */
  readonly waitMs: number;
}

/** The end of a claim. */
export interface Settlement {
  readonly claim: Claim;
  /** `undefined` when it could not be read: whoever waits for it may try. */
  readonly reading: (StoredText & { readonly depth: Depth }) | undefined;
}

interface StoredText {
  readonly text: string;
  readonly ageMs: number;
  /** Counted from when the cloud gave it. */
  readonly freshMs: number;
  readonly keepMs: number;
}

export interface SettledReading {
  readonly canonicalId: string;
  /** `undefined` when it failed. */
  readonly stored: StoredReading | undefined;
}

/** Told what other replicas do. Messages may be lost; whoever waits must look again from time to time. */
export interface SharedStoreListener {
  /** These are not read any more: this is what was read, or it failed. */
  onSettled(settled: readonly SettledReading[]): void;
  /** Another replica waits for these, and its requester so long. */
  onWanted(canonicalIds: readonly string[], withinMs: number): void;
  /** Another replica reads these, and tells when it will have them. */
  onExpected(expectations: readonly Expectation[]): void;
  /** The store can be used again, and may have lost everything. */
  onBack(): void;
}

/** A store that all replicas share. Its methods reject, after a short time at the latest, when it is slow or gone. */
export interface SharedStore {
  /** While this is false nothing need be tried. */
  readonly isUp: boolean;
  /** One answer a wish, in order. Claims what is ours to read with this token. */
  lookUp(wishes: readonly Wish[], token: number): Promise<readonly LookUp[]>;
  /** Keeps all claims of this replica; these are made anew if they are lost. Answers which replicas have claims. */
  renew(claims: readonly Claim[]): Promise<ReadonlySet<string>>;
  settle(settlements: readonly Settlement[]): Promise<void>;
  /** Tells those who read these that somebody else wants them too. */
  want(canonicalIds: readonly string[], withinMs: number): Promise<void>;
  /** Tells those who wait when they will have it. */
  expect(expectations: readonly Expectation[]): Promise<void>;
  listen(listener: SharedStoreListener): void;
}
