// What a replica shares with the others through Redis. Loaded only where a Redis is configured.
import type { Config } from "../config/index.ts";
import type { Log } from "../log.ts";
import { Replicas } from "../quota/replicas.ts";
import { SharedRedis } from "../redis.ts";
import { createRedisSharedStore } from "../retrieval/redis-shared-store.ts";
import type { SharedStore } from "../retrieval/shared-store.ts";

export interface Shared {
  readonly replicas: Replicas;
  readonly readings: SharedStore;
  close(): Promise<void>;
}

/** `undefined` without a Redis. */
export function openShared({ url, keyPrefix }: Config["redis"], log: Log): Shared | undefined {
  if (url === undefined) return undefined;
  // Two connections: an answer with a thousand certificates must not keep a quota waiting.
  const quotas = new SharedRedis({ url, keyPrefix, log, purpose: "quotas" });
  const readings = new SharedRedis({ url, keyPrefix, log, purpose: "readings" });
  const replicas = new Replicas({ redis: quotas, log });
  return {
    replicas,
    readings: createRedisSharedStore({ redis: readings }),
    close: async () => {
      await replicas.close();
      quotas.close();
      readings.close();
    },
  };
}
