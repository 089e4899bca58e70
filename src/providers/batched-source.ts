// Plans the calls of a product that can list: one list call for many certificates, single calls for the rest.
import type {
  CertificateReading,
  CertificateRequest,
  CertificateSource,
} from "../device-certificate/product.ts";
import { RequestError } from "../errors.ts";
import { type CallProgress, joinProgress } from "../quota/quota.ts";

export interface BatchPlan<Item> {
  /** What one list call has in common: requests of different groups need different calls. */
  readonly groupOf: (request: CertificateRequest) => string;
  /** The values to list by; several where the cloud may hold the key in another spelling. */
  readonly valuesOf: (request: CertificateRequest) => readonly string[];
  readonly maxValues: number;
  /** The key by which the items of a list answer are told apart, in the one spelling. */
  readonly keyOf: (request: CertificateRequest) => string;
  readonly keyOfItem: (item: Item) => string | null;
  readonly list: (
    group: string,
    values: readonly string[],
    progress: CallProgress,
  ) => Promise<readonly Item[]>;
  readonly toReading: (item: Item) => CertificateReading;
  readonly fetchOne: (request: CertificateRequest) => Promise<CertificateReading | null>;
}

/** Lists what can be listed, and asks for the rest one by one. */
export function createBatchedSource<Item>(plan: BatchPlan<Item>): CertificateSource {
  return {
    fetch(requests) {
      const lists = new Map<CertificateRequest, Promise<ReadonlyMap<string, Item>>>();
      const listable = requests.filter((request) => !request.needsDetail);
      for (const [group, members] of Map.groupBy(listable, plan.groupOf)) {
        // A single call costs as much as a list of one, and says more.
        if (members.length === 1) continue;
        for (const chunk of chunkByValues(members, plan)) {
          const listed = listChunk(group, chunk, plan);
          for (const request of chunk) lists.set(request, listed);
        }
      }
      return requests.map((request) => fetchPlanned(request, lists.get(request), plan));
    },
  };
}

async function fetchPlanned<Item>(
  request: CertificateRequest,
  listed: Promise<ReadonlyMap<string, Item>> | undefined,
  plan: BatchPlan<Item>,
): Promise<CertificateReading | null> {
  const item = (await listed)?.get(plan.keyOf(request));
  // What a list answer lacks may be there all the same: how the clouds read several values is undocumented.
  return item === undefined ? plan.fetchOne(request) : plan.toReading(item);
}

async function listChunk<Item>(
  group: string,
  chunk: readonly CertificateRequest[],
  { list, valuesOf, keyOfItem }: BatchPlan<Item>,
): Promise<ReadonlyMap<string, Item>> {
  const found = new Map<string, Item>();
  try {
    const progress = joinProgress(chunk.map((request) => request.progress));
    for (const item of await list(group, chunk.flatMap(valuesOf), progress)) {
      const key = keyOfItem(item);
      if (key !== null) found.set(key, item);
    }
  } catch (error) {
    // The filter was ours, not the caller's: a cloud that refuses it may still answer single calls.
    if (!(error instanceof RequestError)) throw error;
  }
  return found;
}

function chunkByValues<Item>(
  requests: readonly CertificateRequest[],
  { valuesOf, maxValues }: BatchPlan<Item>,
): CertificateRequest[][] {
  const chunks: CertificateRequest[][] = [];
  let room = 0;
  for (const request of requests) {
    const needed = valuesOf(request).length;
    if (needed > room) {
      chunks.push([]);
      room = maxValues;
    }
    chunks.at(-1)?.push(request);
    room -= needed;
  }
  return chunks;
}
