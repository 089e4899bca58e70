// How the clouds count: never more than so many calls in any one second, by arrival. Stricter than calendar seconds.

const WINDOW_MS = 1000;

/** Arrivals of the last second. */
export interface SlidingWindow {
  /** How many calls are in the second that ends now. */
  count(nowMs: number): number;
  add(nowMs: number): void;
}

export function createSlidingWindow(): SlidingWindow {
  let arrivals: number[] = [];
  let first = 0;

  const forgetBefore = (nowMs: number) => {
    while (first < arrivals.length && (arrivals[first] ?? 0) <= nowMs - WINDOW_MS) first++;
    if (first > 1000) {
      arrivals = arrivals.slice(first);
      first = 0;
    }
  };

  return {
    count: (nowMs) => {
      forgetBefore(nowMs);
      return arrivals.length - first;
    },
    add: (nowMs) => {
      forgetBefore(nowMs);
      arrivals.push(nowMs);
    },
  };
}

/** Calls a second that the vendors document for the actions that are emulated. */
export const DOCUMENTED_CALLS_PER_SECOND = {
  DescribeDeviceCertificate: 20,
  DescribeDeviceCertificates: 20,
  DescribeCertificate: 10,
  DescribeCertificates: 10,
  QueryDeviceCert: 10,
  GetDeviceCredential: 500,
} as const;

export type EmulatedAction = keyof typeof DOCUMENTED_CALLS_PER_SECOND;

export interface QuotaOptions {
  /** Per action; by default what the vendors document. */
  readonly callsPerSecond?: Partial<Readonly<Record<EmulatedAction, number>>>;
  /** Of the ApsaraMQ API, all actions together, from one source address. Default 300. */
  readonly callsPerSecondAndSourceAddress?: number;
  /** How long a source address that exceeded it gets nothing. Default 10 s; the vendor does not say. */
  readonly blockMs?: number;
}

export interface Quotas {
  /** Takes a call of the account into the count of the action, unless the count is full. */
  admit(action: string, accountId: string, nowMs: number): boolean;
  /** Counts a call of the source address, unless it is blocked or becomes so with this call. */
  admitSource(sourceAddress: string, nowMs: number): boolean;
}

export const NO_QUOTAS: Quotas = { admit: () => true, admitSource: () => true };

export function createQuotas(options: QuotaOptions = {}): Quotas {
  const { callsPerSecondAndSourceAddress = 300, blockMs = 10_000 } = options;
  const limits = new Map<string, number>(
    Object.entries({ ...DOCUMENTED_CALLS_PER_SECOND, ...options.callsPerSecond }),
  );
  const windows = new Map<string, SlidingWindow>();
  const blockedUntilMs = new Map<string, number>();

  const take = (key: string, limit: number, nowMs: number): boolean => {
    let window = windows.get(key);
    if (window === undefined) {
      window = createSlidingWindow();
      windows.set(key, window);
    }
    // A refused call does not count: the first calls of each second pass, whatever else arrives.
    if (window.count(nowMs) >= limit) return false;
    window.add(nowMs);
    return true;
  };

  return {
    admit: (action, accountId, nowMs) => {
      const limit = limits.get(action);
      return limit === undefined || take(`action ${action} ${accountId}`, limit, nowMs);
    },
    admitSource: (sourceAddress, nowMs) => {
      if (nowMs < (blockedUntilMs.get(sourceAddress) ?? Number.NEGATIVE_INFINITY)) return false;
      if (take(`source ${sourceAddress}`, callsPerSecondAndSourceAddress, nowMs)) return true;
      blockedUntilMs.set(sourceAddress, nowMs + blockMs);
      return false;
    },
  };
}
