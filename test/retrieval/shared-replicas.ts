// Replicas in front of one scripted cloud and one Redis, for tests of what they share.
import "reflect-metadata";
import { pino } from "pino";
import { expect, vi } from "vitest";
import { CertificateCatalog } from "../../src/device-certificate/certificate-id.ts";
import type {
  CertificateProduct,
  CertificateReading,
  CertificateRequest,
} from "../../src/device-certificate/product.ts";
import { products } from "../../src/providers/index.ts";
import type { CertificateItem } from "../../src/providers/tencent/ssl/client.ts";
import { toFactsOfItem } from "../../src/providers/tencent/ssl/mapper.ts";
import { SharedRedis } from "../../src/redis.ts";
import { CertificateCache } from "../../src/retrieval/certificate-cache.ts";
import { createRedisSharedStore } from "../../src/retrieval/redis-shared-store.ts";
import { Retrieval, type Retrieved } from "../../src/retrieval/retrieval.ts";
import { Secret } from "../../src/secret.ts";
import type { TestRedis } from "../support/redis.ts";

export const KEY_PREFIX = "device-certificates:";

/** Of the product that the tests use. */
export function toReadingKey(certificateId: string): string {
  return `${KEY_PREFIX}v2:reading:tencent-ssl:default:${certificateId}`;
}

/** The claims on a certificate, of whichever replica: `<token> <depth> <1 when somebody waits for it>`. */
export async function findClaims(
  { client }: SharedRedis,
  certificateId: string,
): Promise<readonly string[]> {
  const keys = await client.keys(`${KEY_PREFIX}v2:claims:*`);
  const id = `tencent-ssl:default:${certificateId}`;
  const claims = await Promise.all(keys.map((key) => client.hget(key, id)));
  return claims.filter((claim) => claim !== null);
}

const HOUR_SECONDS = 3600;
const FRESH_SECONDS = {
  active: HOUR_SECONDS,
  inactive: HOUR_SECONDS,
  pending: HOUR_SECONDS,
  expired: HOUR_SECONDS,
  revoked: HOUR_SECONDS,
  failed: HOUR_SECONDS,
  notFound: HOUR_SECONDS,
};

/** One call that a replica made. */
export interface CloudCall {
  readonly replica: string;
  readonly certificateIds: readonly string[];
  readonly requests: readonly CertificateRequest[];
}

/** A cloud that answers at once, unless it is told to wait. */
export class ScriptedSharedCloud {
  readonly calls: CloudCall[] = [];
  /** By default an active certificate, with detail where detail is asked for. */
  answer: (certificateId: string, needsDetail: boolean) => CertificateReading | null = (
    certificateId,
    needsDetail,
  ) => toReading(certificateId, { hasDetail: needsDetail });
  /** What its quota says of every call that waits behind `close`; by default that it was sent. */
  estimateWaitMs: number | undefined;
  #gate: PromiseWithResolvers<void> | undefined;

  /** Answers wait until `open`. */
  close(): void {
    this.#gate ??= Promise.withResolvers();
  }

  open(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** What `replica` was asked for, in the order of the calls. */
  asked(replica?: string): string[] {
    return this.calls
      .filter((call) => replica === undefined || call.replica === replica)
      .flatMap(({ certificateIds }) => certificateIds);
  }

  fetch(
    replica: string,
    requests: readonly CertificateRequest[],
  ): Promise<CertificateReading | null>[] {
    const certificateIds = requests.map(({ key: [certificateId = ""] }) => certificateId);
    this.calls.push({ replica, certificateIds, requests });
    // Whoever is asked while the gate is closed belongs behind it, whenever it opens.
    const opened = this.#gate?.promise;
    const { answer, estimateWaitMs } = this;
    if (estimateWaitMs !== undefined) {
      const place = { join: () => {}, estimateWaitMs: () => estimateWaitMs };
      for (const { ticket } of requests) ticket.moveTo(place);
    }
    return requests.map(async ({ needsDetail }, index) => {
      await opened;
      return answer(certificateIds[index] ?? "", needsDetail);
    });
  }
}

export interface Replica {
  readonly name: string;
  readonly redis: SharedRedis;
  /** One outcome an id, without the end of its freshness: each process has a monotonic clock of its own. */
  ask(
    certificateIds: readonly string[],
    options?: AskOptions,
  ): Promise<Omit<Retrieved, "freshUntilMs">>[];
  /** As when the process is killed: nothing is told to anybody. */
  kill(): void;
}

export interface AskOptions {
  readonly needsDetail?: boolean;
  readonly needsUnshared?: boolean;
  readonly withinMs?: number;
}

export interface ReplicaOptions {
  readonly redis: TestRedis;
  readonly cloud: ScriptedSharedCloud;
  readonly freshSeconds?: number;
  readonly product?: CertificateProduct;
  readonly claimLifeMs?: number;
  /** Whether it starts without waiting for Redis. */
  readonly isRedisAway?: boolean;
}

export async function startReplica(name: string, options: ReplicaOptions): Promise<Replica> {
  const { cloud, freshSeconds, product = findProduct("tencent-ssl") } = options;
  const { claimLifeMs, isRedisAway = false } = options;
  const log = pino({ level: "silent" });
  const redis = new SharedRedis({
    purpose: "test",
    url: new Secret(options.redis.url),
    keyPrefix: KEY_PREFIX,
    log,
  });
  if (!isRedisAway) await redis.untilUp(5_000);
  const subscribers = isRedisAway ? 0 : await countSubscribers(redis);
  const retrieval = new Retrieval({
    cache: new CertificateCache({
      maxEntries: 10_000,
      freshSeconds:
        freshSeconds === undefined ? FRESH_SECONDS : { ...FRESH_SECONDS, active: freshSeconds },
      staleSeconds: HOUR_SECONDS,
    }),
    log,
    shared: createRedisSharedStore({ redis, ...(claimLifeMs !== undefined && { claimLifeMs }) }),
  });
  const source = {
    fetch: (requests: readonly CertificateRequest[]) => cloud.fetch(name, requests),
  };
  const catalog = new CertificateCatalog([{ product, connection: "default", source }]);
  // What is announced before is lost, which tests must not depend on.
  if (!isRedisAway) {
    await vi.waitFor(async () => expect(await countSubscribers(redis)).toBe(subscribers + 1));
  }
  return {
    name,
    redis,
    ask: (certificateIds, { needsDetail = false, needsUnshared = false, withinMs = 10_000 } = {}) =>
      retrieval
        .load(
          certificateIds.map((certificateId) => ({
            reference: catalog.resolveId(`${product.prefix}:default:${certificateId}`),
            needsDetail,
            needsUnshared,
          })),
          { deadlineMs: performance.now() + withinMs },
        )
        .map(async (retrieved) => {
          const { freshUntilMs: _, ...comparable } = await retrieved;
          return comparable;
        }),
    kill: () => redis.close(),
  };
}

async function countSubscribers({ client }: SharedRedis): Promise<number> {
  const [, count]: unknown[] = await client.pubsub("NUMSUB", `${KEY_PREFIX}v2:readings`);
  return Number(count);
}

function findProduct(prefix: string): CertificateProduct {
  const product = products.find((each) => each.prefix === prefix);
  if (product === undefined) throw new Error(`there is no product ${prefix}`);
  return product;
}

const EMPTY_ITEM: CertificateItem = {
  OwnerUin: null,
  ProjectId: null,
  From: null,
  CertificateType: null,
  PackageType: null,
  PackageTypeName: null,
  ProductZhName: null,
  Domain: null,
  SubjectAltName: null,
  Alias: null,
  Status: 1,
  StatusName: null,
  StatusMsg: null,
  VerifyType: null,
  VulnerabilityStatus: null,
  CertBeginTime: null,
  CertEndTime: null,
  ValidityPeriod: null,
  InsertTime: null,
  CertificateId: null,
  CertificateExtra: null,
  IsVip: null,
  IsWildcard: null,
  IsDv: null,
  IsVulnerability: null,
  RenewAble: null,
  Deployable: null,
  Tags: null,
  CAEncryptAlgorithms: null,
  CACommonNames: null,
  CAEndTimes: null,
};

/** What the cloud says of a certificate; `facts` are put on top of it. */
export function toReading(
  certificateId: string,
  { hasDetail = false, facts = {} }: { hasDetail?: boolean; facts?: Record<string, unknown> } = {},
): CertificateReading {
  const item = { ...EMPTY_ITEM, CertificateId: certificateId, Domain: `${certificateId}.example` };
  const detail = hasDetail ? { orderId: `order of ${certificateId}` } : {};
  return { facts: { ...toFactsOfItem(item), ...detail, ...facts }, hasDetail };
}
