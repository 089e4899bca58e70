// Connects the products to the configured accounts: credentials, transport and quotas, each made once for all that share it.
import type { ConnectionConfig } from "../config/index.ts";
import type { ConnectedProduct } from "../device-certificate/certificate-id.ts";
import type { CertificateProduct } from "../device-certificate/product.ts";
import type { Log } from "../log.ts";
import type { CallLimit } from "../quota/quota.ts";
import { SlidingWindow } from "../quota/sliding-window.ts";
import { createThrottle } from "../quota/throttle.ts";
import { createCaller } from "./caller.ts";
import { type CredentialSource, createStaticSource } from "./credentials.ts";
import { createTransport, type Transport } from "./transport.ts";

/** One attempt of a call to a cloud. */
export interface CloudCallEvent {
  readonly provider: string;
  readonly connection: string;
  readonly action: string;
  readonly outcome: "answered" | "failed";
}

export interface ConnectOptions {
  readonly products: readonly CertificateProduct[];
  readonly connections: readonly ConnectionConfig[];
  /** How long one cloud call may take, and how long after its first attempt it may be made again, in milliseconds. */
  readonly withinMs: number;
  readonly log: Log;
  readonly onCall?: (event: CloudCallEvent) => void;
}

export interface Connected {
  readonly products: readonly ConnectedProduct[];
  /** Ends the HTTP connections. */
  close(): Promise<void>;
}

export async function connectProducts(options: ConnectOptions): Promise<Connected> {
  const { products, connections, withinMs, log, onCall } = options;
  const findWindow = createWindows();
  const transports: Transport[] = [];
  const connected: ConnectedProduct[] = [];

  for (const config of connections) {
    const ofCloud = products.filter(({ cloud }) => cloud.name === config.cloud);
    const credentials = await openCredentials(config, ofCloud);
    for (const product of ofCloud) {
      const transport = createTransport({
        origin: config.endpoints[product.endpoint.name] ?? product.endpoint.originOf(config.region),
        answerTimeoutMs: withinMs,
      });
      transports.push(transport);
      const origin = { provider: product.prefix, connection: config.name };
      const source = product.connect({
        name: config.name,
        region: config.region,
        settings: config.settings,
        credentials,
        transport,
        log,
        caller: (limit) =>
          createCaller({
            quota: createThrottle({ windows: toWindows(limit, config, transport, findWindow) }),
            origin,
            retryWithinMs: withinMs,
            onAttempt: (outcome) => onCall?.({ ...origin, action: limit.action, outcome }),
          }),
      });
      connected.push({ product, connection: config.name, source });
    }
  }
  return {
    products: connected,
    close: async () => {
      await Promise.all(transports.map((transport) => transport.close()));
    },
  };
}

async function openCredentials(
  { credentials }: ConnectionConfig,
  [product]: readonly CertificateProduct[],
): Promise<CredentialSource> {
  if (credentials.source === "static") return createStaticSource(credentials);
  if (product === undefined) throw new Error("a connection of a cloud without products");
  return product.cloud.openCredentialChain();
}

type WindowFinder = (key: string, callsPerSecond: number) => SlidingWindow;

/** Whoever is counted together by a cloud must share a window, whichever connection it comes from. */
function createWindows(): WindowFinder {
  const windows = new Map<string, SlidingWindow>();
  return (key, callsPerSecond) => {
    const known = windows.get(key);
    if (known !== undefined) return known;
    const window = new SlidingWindow(callsPerSecond);
    windows.set(key, window);
    return window;
  };
}

function toWindows(
  { action, callsPerSecond, countedPer, perSourceAddress }: CallLimit,
  { cloud, name, credentials, quota }: ConnectionConfig,
  { host }: Transport,
  findWindow: WindowFinder,
): SlidingWindow[] {
  // A chain tells no access key before its first use, and may change it.
  const account = credentials.source === "static" ? credentials.accessKeyId : `chain of ${name}`;
  const counted =
    countedPer === "accessKey" ? [cloud, action, account, host] : [cloud, action, account];
  const ofAccount = (quota.perSecond[action] ?? callsPerSecond) * quota.share;
  const windows = [findWindow(counted.join(" "), ofAccount)];
  if (perSourceAddress !== undefined) {
    windows.push(findWindow(`${cloud} ${host} address`, perSourceAddress.callsPerSecond));
  }
  return windows;
}
