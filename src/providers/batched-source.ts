// Plans the calls of a product that can list: one list call for many certificates, single calls for the rest.
import { isDeepStrictEqual } from "node:util";
import type {
  CertificateReading,
  CertificateRequest,
  CertificateSource,
} from "../device-certificate/product.ts";
import { ProviderError, RequestError } from "../errors.ts";
import { NotNeededError, type QueuePlace } from "../quota/quota.ts";
import { slices } from "../slices.ts";
import type { CloudCaller } from "./caller.ts";
import type { Listed, ListingMemory } from "./listing-memory.ts";
import { CertificateNotFoundError } from "./vendor-errors.ts";

export interface BatchPlan<Item> {
  readonly single: CloudCaller;
  readonly list: CloudCaller;
  readonly memory: ListingMemory;
  /** What one list call has in common: requests of different groups need different calls. */
  readonly groupOf: (request: CertificateRequest) => string;
  /** The values to list by, the likeliest first; several where the cloud may hold the key in another spelling. */
  readonly valuesOf: (request: CertificateRequest) => readonly string[];
  readonly maxValues: number;
  /** The key by which the items of a list answer are told apart, in the one spelling. */
  readonly keyOf: (request: CertificateRequest) => string;
  readonly keyOfItem: (item: Item) => string | null;
  readonly sendList: (
    group: string,
    values: readonly string[],
    signal: AbortSignal,
  ) => Promise<readonly Item[]>;
  readonly toReading: (item: Item) => CertificateReading;
  /** Makes the single call. */
  readonly fetchOne: (request: CertificateRequest) => Promise<CertificateReading | null>;
}

/** One certificate that somebody waits for. */
interface Want {
  readonly request: CertificateRequest;
  readonly settle: (
    reading: CertificateReading | null | Promise<CertificateReading | null>,
  ) => void;
  readonly fail: (error: unknown) => void;
}

/** A list call that waits for its turn. Others may take wants out of it, until it has none left. */
interface Chunk {
  wants: Want[];
}

/** So many of what a list answer lacks tell whether the cloud reads several values at all. */
const SAMPLE_SIZE = 3;

/**
 * Lists what can be listed, and asks for the rest one by one. What a list call holds is decided when its turn comes:
 * it takes along whatever waits for a call of its kind by then, whichever request it came with.
 */
export function createBatchedSource<Item>(plan: BatchPlan<Item>): CertificateSource {
  const { single, list, memory, groupOf, valuesOf, maxValues, keyOf, keyOfItem } = plan;
  const waiting = new Map<string, Set<Chunk>>();

  return {
    fetch(requests) {
      const promises = new Map<CertificateRequest, Promise<CertificateReading | null>>();
      const wants = requests.map((request): Want => {
        const { promise, resolve, reject } = Promise.withResolvers<CertificateReading | null>();
        promises.set(request, promise);
        return { request, settle: resolve, fail: reject };
      });
      const listable: Want[] = [];
      for (const want of wants) {
        if (want.request.needsDetail || !memory.isListing) fetchAlone(want);
        else listable.push(want);
      }
      for (const [group, members] of Map.groupBy(listable, ({ request }) => groupOf(request))) {
        planGroup(group, members);
      }
      return requests.map((request) => promises.get(request) ?? Promise.resolve(null));
    },
  };

  function planGroup(group: string, wants: readonly Want[]): void {
    const [first, ...others] = wants;
    // The cloud may refuse one of the two actions and take the other one.
    if (list.isFailing && !single.isFailing) for (const want of wants) fetchAlone(want);
    // A single call costs as much as a list of one, and may say more.
    else if (first !== undefined && others.length === 0 && !waiting.has(group)) fetchAlone(first);
    else for (const chunk of toChunks(wants)) void callList(group, chunk);
  }

  /** Through whichever of the two calls has its turn first. */
  function fetchAlone(want: Want): void {
    const { request, settle } = want;
    const isSinglePreferred =
      list.isFailing || (!single.isFailing && single.estimatedWaitMs <= list.estimatedWaitMs);
    if (request.needsDetail || isSinglePreferred) {
      settle(plan.fetchOne(request));
    } else {
      void callList(groupOf(request), { wants: [want] });
    }
  }

  async function callList(group: string, chunk: Chunk): Promise<void> {
    const chunks = waiting.get(group) ?? new Set();
    waiting.set(group, chunks.add(chunk));
    try {
      const items = await list.call(
        (signal) => {
          // A second attempt is for the same wants as the first.
          if (stopWaiting(group, chunk)) fillUp(group, chunk);
          return plan.sendList(group, toValues(chunk.wants), signal).catch(toNoItems);
        },
        {
          // A later attempt is also for those that the first one took along, and not for those that others took.
          get tickets() {
            return chunk.wants.map(({ request }) => request.ticket);
          },
          isNeeded: () => chunk.wants.some(({ request }) => request.ticket.isWanted),
        },
      );
      await settleListed(chunk.wants, items);
    } catch (error) {
      stopWaiting(group, chunk);
      const { wants } = chunk;
      if (isRefusalOfList(error) && wants.length > 1) {
        const refusal = memory.refused();
        for (const want of wants) {
          const settle: Want["settle"] = (reading) => want.settle(refusal.watch(reading));
          fetchAlone({ ...want, settle });
        }
      } else if (isRefusalOfList(error) || isDenialOfList(error)) {
        for (const { request, settle } of wants) settle(plan.fetchOne(request));
      } else {
        for (const { fail } of wants) fail(error);
      }
    }
  }

  async function settleListed(wants: readonly Want[], items: readonly Item[]): Promise<void> {
    const found = findItems(items);
    const listed = memory.listed(
      wants.length,
      wants.filter(({ request }) => found.has(keyOf(request))).length,
    );
    const missing: Want[] = [];
    await slices.map(wants, (want) => {
      const item = found.get(keyOf(want.request));
      if (item) want.settle(read(item));
      else missing.push(want);
    });
    void settleMissing(missing, listed);
  }

  /** By their keys; `null` where two items with the same key contradict each other. */
  function findItems(items: readonly Item[]): ReadonlyMap<string, Item | null> {
    const found = new Map<string, Item | null>();
    for (const item of items) {
      const key = keyOfItem(item);
      if (key === null) continue;
      const other = found.get(key);
      found.set(key, other === undefined || isDeepStrictEqual(other, item) ? item : null);
    }
    return found;
  }

  /** What a list answer lacks may be there all the same: how the clouds read several values is undocumented. */
  async function settleMissing(missing: readonly Want[], listed: Listed): Promise<void> {
    const settleAlone = ({ request, settle }: Want) => {
      const reading = plan.fetchOne(request).then(listed.foundAlone);
      settle(reading);
      return reading;
    };
    if (!listed.isSuspicious || missing.length <= SAMPLE_SIZE) {
      missing.forEach(settleAlone);
      return;
    }
    const others = missing.slice(SAMPLE_SIZE);
    const place: QueuePlace = {
      // Whoever joins is a requester of the ticket, and so of the call that follows.
      join: () => {},
      estimateWaitMs: () => single.estimatedWaitMs,
    };
    for (const { request } of others) request.ticket.moveTo(place);
    await Promise.allSettled(missing.slice(0, SAMPLE_SIZE).map(settleAlone));
    // If the cloud reads one value only, a list of one tells as much as a single call, and has a quota of its own.
    for (const want of others) {
      want.request.ticket.leave(place);
      if (memory.isListing) settleAlone(want);
      else fetchAlone(want);
    }
  }

  /** What cannot be read fails alone. */
  async function read(item: Item): Promise<CertificateReading> {
    return plan.toReading(item);
  }

  /** Whether it was waiting still. */
  function stopWaiting(group: string, chunk: Chunk): boolean {
    const chunks = waiting.get(group);
    const wasWaiting = chunks?.delete(chunk) ?? false;
    if (chunks?.size === 0) waiting.delete(group);
    return wasWaiting;
  }

  /** Takes along what waits for another call of the same kind. */
  function fillUp(group: string, chunk: Chunk): void {
    dropUnwanted(chunk);
    if (!memory.isListing) return;
    for (const other of waiting.get(group) ?? []) {
      dropUnwanted(other);
      const room = maxValues - chunk.wants.length;
      if (room === 0) return;
      const taken = other.wants.slice(0, room);
      other.wants = other.wants.slice(room);
      chunk.wants.push(...taken);
      for (const { request } of taken) request.ticket.moveTo(undefined);
    }
  }

  function dropUnwanted(chunk: Chunk): void {
    const isWanted = ({ request }: Want) => request.ticket.isWanted;
    if (chunk.wants.every(isWanted)) return;
    for (const { fail } of chunk.wants.filter((want) => !isWanted(want)))
      fail(new NotNeededError());
    chunk.wants = chunk.wants.filter(isWanted);
  }

  /** Other spellings only take the room that is left: they must cost no further call, nor spoil a call for one. */
  function toValues(wants: readonly Want[]): string[] {
    const values = wants.map(({ request }) => valuesOf(request));
    const likeliest = values.flatMap((spellings) => spellings.slice(0, 1));
    if (wants.length === 1) return likeliest;
    return [...likeliest, ...values.flatMap((spellings) => spellings.slice(1))].slice(0, maxValues);
  }

  /** As few as possible, of about the same size. */
  function toChunks(wants: readonly Want[]): Chunk[] {
    const count = Math.ceil(wants.length / maxValues);
    const size = Math.ceil(wants.length / count);
    return Array.from({ length: count }, (_, index) => ({
      wants: wants.slice(index * size, (index + 1) * size),
    }));
  }
}

/** The filter was ours, not the caller's: a cloud that refuses it may still answer single calls. */
function isRefusalOfList(error: unknown): boolean {
  if (error instanceof RequestError) return true;
  // Answered, by a code for which another attempt is of no use: some clouds have no other word for it.
  return (
    error instanceof ProviderError &&
    error.code === "PROVIDER_UNAVAILABLE" &&
    !error.isRetryable &&
    error.extensions["providerCode"] !== undefined
  );
}

/** The permission for the list call may be missing, or that for one of the certificates in it. */
function isDenialOfList(error: unknown): boolean {
  return (
    error instanceof ProviderError && error.denies !== undefined && error.denies !== "connection"
  );
}

/** That the whole list is not there (an unknown instance, say) is no answer for each certificate yet. */
function toNoItems(error: unknown): [] {
  if (error instanceof CertificateNotFoundError) return [];
  throw error;
}
