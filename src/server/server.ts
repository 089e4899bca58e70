// Puts a configured subgraph on the network, and takes it off again without losing a request.
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config/index.ts";
import { createRequestContext, type Subgraph } from "../context.ts";
import { openDeviceDirectory } from "../device/device-directory.ts";
import { CertificateCatalog } from "../device-certificate/certificate-id.ts";
import type { CertificateProduct } from "../device-certificate/product.ts";
import type { Log } from "../log.ts";
import { connectProducts } from "../providers/connect.ts";
import { START_REST_MS } from "../quota/sliding-window.ts";
import { CertificateCache } from "../retrieval/certificate-cache.ts";
import { Retrieval } from "../retrieval/retrieval.ts";
import { createSchema } from "../schema.ts";
import type { SecretsDesk } from "../secrets/secrets-desk.ts";
import { slices } from "../slices.ts";
import { createAdmin, Readiness } from "./admin.ts";
import { Admission } from "./admission.ts";
import { createAuthenticate } from "./caller.ts";
import { createDocumentCheck } from "./document-limits.ts";
import { startEngine } from "./engine.ts";
import { createHttp } from "./http.ts";
import { allowsIntrospection } from "./introspection.ts";
import { openListeners } from "./listeners.ts";
import { createMetrics } from "./metrics.ts";
import { rehearse } from "./rehearsal.ts";

/** How long an idle connection may bring a request after the last one was accepted. */
const IDLE_GRACE_MS = 1_000;
/** How long an answer may take to be sent after its deadline. */
const LAST_ANSWER_MS = 2_000;

export interface ServerOptions {
  readonly config: Config;
  readonly products: readonly CertificateProduct[];
  readonly log: Log;
  /** Certificates that the explorer's example operations ask for. */
  readonly exampleIds?: readonly string[];
  /** Whether a question is rehearsed right after the start. Default false. */
  readonly isRehearsing?: boolean;
}

export interface Server {
  /** Where GraphQL is: `http://127.0.0.1:4001/graphql`. */
  readonly url: string;
  /** Where `/livez`, `/readyz` and `/metrics` are. */
  readonly adminUrl: string;
  /** Resolves when the rehearsal is over, at once where there is none. */
  readonly rehearsed: Promise<void>;
  /** Unready at once, serving for `server.drainSeconds` more, then what is in flight is answered. Safe to call twice. */
  drain(): Promise<void>;
  /** The same without the wait. */
  close(): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, products, log, exampleIds = [], isRehearsing = false } = options;
  const { host, port, adminPort, drainSeconds } = config.server;
  const readiness = new Readiness();
  const { limits } = config;
  const admission = new Admission({
    ...limits,
    patienceMs: config.answer.withinMs,
    hasBacklog: () => slices.hasBacklog,
  });
  const metrics = createMetrics({ countRequests: () => admission.entered });
  const admin = await openListeners({
    host,
    port: adminPort,
    // Whoever watches over the process is let in, whatever goes on, and is not counted.
    limits: { ...limits, connections: Number.POSITIVE_INFINITY },
    admission: { isOpen: true, connected: () => {} },
    metrics: { onRefused: () => {} },
    onRequest: createAdmin(readiness, metrics),
  });

  // Loaded only where it is needed: it makes the start longer.
  const shared = config.redis.url && (await import("./shared.ts")).openShared(config.redis, log);
  const connected = await connectProducts({
    products,
    connections: config.connections,
    withinMs: config.answer.withinMs,
    log,
    replicas: shared?.replicas,
    usedUpUntilMs: START_REST_MS,
    onCall: metrics.onCall,
  });
  const secretsDesk = await openSecrets(config, log);
  const catalog = new CertificateCatalog(connected.products);
  const devices = await openDeviceDirectory({ join: config.join, catalog, log });
  if (devices.readFileUse) metrics.watchDirectoryFile(devices.readFileUse);
  const subgraph: Subgraph = {
    catalog,
    retrieval: new Retrieval({
      cache: new CertificateCache(config.cache),
      log,
      shared: shared?.readings,
    }),
    devices,
    secretsDesk,
    actions: connected.actions,
    answer: config.answer,
  };
  const { authorizationDirectives } = config.schema;
  const schema = await createSchema({ products, authorizationDirectives, join: config.join });
  const engine = await startEngine({
    schema,
    limits: { ...limits, maxEntities: config.answer.maxEntities },
    isPublic: config.auth.mode === "none",
    // Whoever may read the schema learns nothing more of it from a trace.
    allowsTraces: allowsIntrospection(config),
    log,
    metrics,
  });
  // Loaded only where it is needed, like what replicas share.
  const explorer = config.server.explorer
    ? await (await import("./explorer.ts")).createExplorer({
        products,
        auth: config.auth,
        exampleIds,
      })
    : undefined;
  const onRequest = createHttp({
    engine,
    authenticate: await createAuthenticate(config.auth, log),
    createContext: (caller, arrival) => createRequestContext(subgraph, caller, arrival),
    admission,
    checkDocument: createDocumentCheck({
      limits,
      allowsIntrospection: allowsIntrospection(config),
    }),
    limits,
    isDraining: () => readiness.isDraining,
    metrics,
    log,
    explorer,
  });
  const listeners = await openListeners({ host, port, limits, admission, onRequest, metrics });
  readiness.start();
  const rehearseOnce = async () => {
    // Whoever waits for the start goes first.
    await nextTurn();
    await rehearse({ config, products, engine, subgraph, origin: admin.origin }).catch(
      (err: unknown) => log.warn({ err }, "the rehearsal failed"),
    );
  };
  const rehearsed = isRehearsing ? rehearseOnce() : Promise.resolve();

  let ended: Promise<void> | undefined;
  const end = (waitSeconds: number, graceMs: number): Promise<void> => {
    ended ??= (async () => {
      readiness.drain();
      await sleep(waitSeconds * 1000);
      await listeners.end({ graceMs, withinMs: config.answer.withinMs + LAST_ANSWER_MS });
      await rehearsed;
      await engine.stop();
      await connected.close();
      await devices.close();
      await shared?.close();
      await secretsDesk?.close();
      await admin.end({ graceMs: 0, withinMs: 0 });
    })();
    return ended;
  };
  return {
    url: `${listeners.origin}/graphql`,
    adminUrl: admin.origin,
    rehearsed,
    drain: () => end(drainSeconds, IDLE_GRACE_MS),
    close: () => end(0, 0),
  };
}

/** Loaded only where secrets are handed out: it makes the start longer. */
async function openSecrets({ secrets, auth }: Config, log: Log): Promise<SecretsDesk | undefined> {
  if (secrets.mode === "off") return undefined;
  const { openSecretsDesk } = await import("../secrets/secrets-desk.ts");
  return openSecretsDesk({ ...secrets, authentication: auth.mode, log });
}
