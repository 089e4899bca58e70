// Asks a question once before anybody does: what runs for the first time takes several times as long, and keeps others
// waiting. It goes all the way a question goes, except that the clouds are played by this process's own port for health.

import { joinSegments } from "../certificate-id/text.ts";
import type { Config } from "../config/index.ts";
import { createRequestContext, type Subgraph } from "../context.ts";
import { CertificateCatalog } from "../device-certificate/certificate-id.ts";
import type { CertificateProduct } from "../device-certificate/product.ts";
import { createLog } from "../log.ts";
import { connectProducts } from "../providers/connect.ts";
import { CertificateCache } from "../retrieval/certificate-cache.ts";
import { Retrieval } from "../retrieval/retrieval.ts";
import { SCOPES } from "../scopes.ts";
import { Secret } from "../secret.ts";
import type { Engine } from "./engine.ts";

export interface RehearsalOptions {
  readonly config: Config;
  readonly products: readonly CertificateProduct[];
  readonly engine: Engine;
  readonly subgraph: Subgraph;
  /** Where every call is answered with 404. */
  readonly origin: string;
}

/** A question has no answer by then, as nobody has the certificates that it is for. In milliseconds. */
const WITHIN_MS = 250;
const IDS_PER_PRODUCT = 8;
const QUERY = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on X509DeviceCertificate { __typename id status notAfter pem }
  }
}`;

/** Nothing of it is seen from outside: quotas, cache and keys are its own, and it is not counted. */
export async function rehearse(options: RehearsalOptions): Promise<void> {
  const { config, products, engine, subgraph, origin } = options;
  const log = createLog("silent");
  const connected = await connectProducts({
    products,
    connections: config.connections.map((connection) => ({
      ...connection,
      credentials: { source: "static", accessKeyId: "-", accessKeySecret: new Secret("-") },
      endpoints: Object.fromEntries(products.map(({ endpoint }) => [endpoint.name, origin])),
    })),
    withinMs: WITHIN_MS,
    log,
    environment: {},
  });
  try {
    const representations = connected.products.flatMap(({ product: { prefix, key }, connection }) =>
      Array.from({ length: IDS_PER_PRODUCT }, (_, number) => ({
        __typename: "X509DeviceCertificate",
        id: joinSegments(prefix, connection, Array(key.length).fill(`${number}`)),
      })),
    );
    const context = createRequestContext(
      {
        ...subgraph,
        catalog: new CertificateCatalog(connected.products),
        retrieval: new Retrieval({ cache: new CertificateCache(config.cache), log }),
        answer: { ...config.answer, withinMs: WITHIN_MS },
      },
      { subject: null, scopes: new Set([SCOPES.read]) },
      { requestId: "rehearsal", arrivedAtMs: performance.now() },
    );
    const body = { query: QUERY, variables: { representations } };
    const headers = { "content-type": "application/json" };
    const question = { method: "POST", headers, search: "", body };
    await engine.answer(question, { ...context, isRehearsal: true });
  } finally {
    await connected.close();
  }
}
