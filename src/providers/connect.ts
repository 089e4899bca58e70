// Connects the products to the configured accounts: credentials, transport and quotas, each made once for all that share it.
import { createHash } from "node:crypto";
import type { ConnectionConfig } from "../config/index.ts";
import type { ConnectedProduct } from "../device-certificate/certificate-id.ts";
import type { CertificateProduct, CertificateSource } from "../device-certificate/product.ts";
import type { Log } from "../log.ts";
import type { CallLimit, Quota, QuotaUse } from "../quota/quota.ts";
import type { Replicas } from "../quota/replicas.ts";
import { SharedWindow } from "../quota/shared-window.ts";
import { SlidingWindow } from "../quota/sliding-window.ts";
import { createThrottle } from "../quota/throttle.ts";
import { type AttemptOutcome, type CloudCaller, createCaller } from "./caller.ts";
import { Circuit, type CircuitState } from "./circuit.ts";
import { createCloudClock } from "./cloud-clock.ts";
import { type CredentialSource, createStaticSource } from "./credentials.ts";
import { Denial } from "./denial.ts";
import { createTransport, type Transport } from "./transport.ts";

/** One attempt of a call to a cloud. */
export interface CloudCallEvent {
  readonly provider: string;
  readonly connection: string;
  readonly action: string;
  readonly outcome: AttemptOutcome;
}

export interface ConnectOptions {
  readonly products: readonly CertificateProduct[];
  readonly connections: readonly ConnectionConfig[];
  /** The longest that an answer may take, and how long after its first attempt a call may be made again, in milliseconds. */
  readonly withinMs: number;
  readonly log: Log;
  /** With it all replicas keep the quotas together. */
  readonly replicas?: Replicas | undefined;
  /** Until when quotas kept by this process alone count as used up, on the monotonic clock. By default they do not. */
  readonly usedUpUntilMs?: number;
  readonly onCall?: (event: CloudCallEvent) => void;
  /** Where proxies are named. By default the environment of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** What the calls of one kind on one connection are doing; the fields are those of the GraphQL type ProviderQuota. */
export interface ActionUse extends QuotaUse {
  readonly provider: string;
  readonly connection: string;
  readonly action: string;
  readonly circuit: CircuitState;
  /** Since midnight UTC. */
  readonly callsToday: number;
  readonly billedCallsToday: number;
}

export interface Connected {
  readonly products: readonly ConnectedProduct[];
  /** One for each kind of call on each connection. */
  readonly actions: readonly (() => Promise<ActionUse>)[];
  /** Ends the HTTP connections. */
  close(): Promise<void>;
}

export async function connectProducts(options: ConnectOptions): Promise<Connected> {
  const { products, connections, withinMs, log, onCall, environment } = options;
  const findQuota = createQuotas(options);
  const transports: Transport[] = [];
  const connected: ConnectedProduct[] = [];
  const actions: (() => Promise<ActionUse>)[] = [];

  for (const config of connections) {
    const ofCloud = products.filter(({ cloud }) => cloud.name === config.cloud);
    const credentials = await openCredentials(config, ofCloud, log);
    const clock = createCloudClock();
    const keyDenial = new Denial();
    for (const product of ofCloud) {
      const transport = createTransport({
        origin: toOrigin(product, config),
        answerTimeoutMs: withinMs + LATE_ANSWER_MS,
        connections: countConnections(product, config),
        ...(environment && { environment }),
      });
      transports.push(transport);
      const origin = { provider: product.prefix, connection: config.name };
      const callers: CloudCaller[] = [];
      const caller = (limit: CallLimit) => {
        const { action, isBilled = false } = limit;
        const quota = findQuota(limit, product, config);
        const circuit = new Circuit();
        const calls = createDayCount();
        const billedCalls = createDayCount();
        actions.push(async () => {
          await quota.look();
          return {
            ...origin,
            action,
            ...quota.use(),
            circuit: circuit.state,
            callsToday: calls.count(),
            billedCallsToday: billedCalls.count(),
          };
        });
        const onAttempt = (outcome: AttemptOutcome, isSuccess: boolean) => {
          calls.add();
          if (isBilled && isSuccess) billedCalls.add();
          onCall?.({ ...origin, action, outcome });
        };
        const retryWithinMs = withinMs;
        const made = createCaller({ quota, circuit, keyDenial, origin, retryWithinMs, onAttempt });
        callers.push(made);
        return made;
      };
      const { name, region, settings } = config;
      const source = product.connect({
        name,
        region,
        settings,
        credentials,
        clock,
        transport,
        log,
        caller,
      });
      connected.push({ product, connection: name, source: withFailing(source, callers) });
    }
  }
  return {
    products: connected,
    actions,
    close: async () => {
      await Promise.all(transports.map((transport) => transport.close()));
    },
  };
}

/** An answer that comes after its question was answered without it still goes into the cache. */
const LATE_ANSWER_MS = 2_500;

function withFailing(
  source: CertificateSource,
  callers: readonly CloudCaller[],
): CertificateSource {
  return {
    ...source,
    get isFailing() {
      return callers.length > 0 && callers.every(({ isFailing }) => isFailing);
    },
  };
}

const MAX_HTTP_CONNECTIONS = 500;

/** One for each call that a burst may send at once: a call that waits for a connection wastes its slot of the quota. */
function countConnections({ limits }: CertificateProduct, { quota }: ConnectionConfig): number {
  const bursts = limits.map(({ action, callsPerSecond, perSourceAddress }) =>
    Math.min(
      quota.perSecond[action] ?? callsPerSecond,
      perSourceAddress?.callsPerSecond ?? MAX_HTTP_CONNECTIONS,
    ),
  );
  const all = bursts.reduce((sum, burst) => sum + Math.ceil(burst), 0);
  return Math.min(all, MAX_HTTP_CONNECTIONS);
}

async function openCredentials(
  { credentials }: ConnectionConfig,
  [product]: readonly CertificateProduct[],
  log: Log,
): Promise<CredentialSource> {
  if (credentials.source === "static") return createStaticSource(credentials);
  if (product === undefined) throw new Error("a connection of a cloud without products");
  return product.cloud.openCredentialChain(log);
}

type QuotaFinder = (
  limit: CallLimit,
  product: CertificateProduct,
  config: ConnectionConfig,
) => Quota;

/** Whoever is counted together by a cloud must share a quota, whichever connection it comes from. */
function createQuotas(options: ConnectOptions): QuotaFinder {
  const { connections, replicas, usedUpUntilMs = 0 } = options;
  const quotas = new Map<string, Quota>();
  const windows = new Map<string, SlidingWindow>();

  return (limit, product, config) => {
    const { action, perSourceAddress } = limit;
    const key = toQuotaKey(limit, product, config);
    const callsPerSecond = Math.min(
      ...connections
        .filter((other) => toQuotaKey(limit, product, other) === key)
        .map(({ quota }) => (quota.perSecond[action] ?? limit.callsPerSecond) * quota.share),
    );
    const addressKey = `${config.cloud} ${toHost(product, config)}`;
    return findOrCreate(quotas, key, () =>
      createThrottle({
        windows: [
          replicas === undefined
            ? new SlidingWindow({ callsPerSecond, usedUpUntilMs })
            : new SharedWindow(replicas, toSharedKey(action, key), { callsPerSecond }),
          ...(perSourceAddress === undefined
            ? []
            : [
                findOrCreate(
                  windows,
                  addressKey,
                  () => new SlidingWindow({ ...perSourceAddress, usedUpUntilMs }),
                ),
              ]),
        ],
      }),
    );
  };
}

function toQuotaKey(
  { action, countedPer }: CallLimit,
  product: CertificateProduct,
  config: ConnectionConfig,
): string {
  const { cloud, name, credentials, quota } = config;
  // A chain tells no access key before its first use, and may change it.
  const key = credentials.source === "static" ? credentials.accessKeyId : `chain of ${name}`;
  const account = quota.account === undefined ? key : `account ${quota.account}`;
  const host = countedPer === "accessKey" ? [toHost(product, config)] : [];
  return [cloud, action, account, ...host].join(" ");
}

function toOrigin({ endpoint }: CertificateProduct, { endpoints, region }: ConnectionConfig) {
  return endpoints[endpoint.name] ?? endpoint.originOf(region);
}

function toHost(product: CertificateProduct, config: ConnectionConfig): string {
  return new URL(toOrigin(product, config)).host;
}

/** The account is not spelled out in a store that others may read. */
function toSharedKey(action: string, key: string): string {
  return `${action}:${createHash("sha256").update(key).digest("hex").slice(0, 16)}`;
}

function findOrCreate<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

/** Counts within the current day, UTC. */
function createDayCount(): { add(): void; count(): number } {
  let day = "";
  let count = 0;
  const turnPage = () => {
    const today = new Date().toISOString().slice(0, 10);
    if (today !== day) count = 0;
    day = today;
  };
  return {
    add: () => {
      turnPage();
      count += 1;
    },
    count: () => {
      turnPage();
      return count;
    },
  };
}
