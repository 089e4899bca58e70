// What a replica does with certificates that wait on the shared store when those who asked for them go away.
import "reflect-metadata";
import { describe, expect, it, vi } from "vitest";
import type { CertificateReference } from "../../src/device-certificate/certificate-id.ts";
import { CertificateCatalog } from "../../src/device-certificate/certificate-id.ts";
import type { CertificateRequest } from "../../src/device-certificate/product.ts";
import { products } from "../../src/providers/index.ts";
import { CallTicket, NotNeededError } from "../../src/quota/quota.ts";
import { CertificateCache } from "../../src/retrieval/certificate-cache.ts";
import { SharedReader } from "../../src/retrieval/shared-reader.ts";
import {
  DEPTH,
  type LookUp,
  type SharedStore,
  type SharedStoreListener,
} from "../../src/retrieval/shared-store.ts";

const lifetimes = { active: 1, inactive: 1, pending: 1, expired: 1, revoked: 1, failed: 1 };

/** A store that answers when it is told to. */
function createScene() {
  const asked: PromiseWithResolvers<readonly LookUp[]>[] = [];
  const settle = vi.fn(async () => {});
  const listeners: SharedStoreListener[] = [];
  const store: SharedStore = {
    isUp: true,
    lookUp: () => {
      const answer = Promise.withResolvers<readonly LookUp[]>();
      asked.push(answer);
      return answer.promise;
    },
    renew: async () => new Set(),
    settle,
    want: async () => {},
    expect: async () => {},
    listen: (listener) => listeners.push(listener),
  };
  const reader = new SharedReader({
    store,
    cache: new CertificateCache({
      maxEntries: 10,
      freshSeconds: { ...lifetimes, notFound: 1 },
      staleSeconds: 1,
    }),
  });
  const fetch = vi.fn((requests: readonly CertificateRequest[]) => requests.map(async () => null));
  const product = products.find(({ prefix }) => prefix === "tencent-ssl");
  if (product?.sharing === undefined) throw new Error("unreachable");
  const { sharing } = product;
  const catalog = new CertificateCatalog([{ product, connection: "default", source: { fetch } }]);
  const reference: CertificateReference = catalog.resolveId("tencent-ssl:default:a");
  const client = new AbortController();
  const ticket = new CallTicket({ deadlineMs: Number.POSITIVE_INFINITY, signal: client.signal });
  const request = { key: reference.key, needsDetail: false, ticket };
  const { readings } = reader.read([{ reference, sharing, request, depth: DEPTH.summary }]);
  const [reading] = readings;
  if (reading === undefined) throw new Error("unreachable");
  const outcome = reading.catch((error: unknown) => error);
  const answer = async (reader: LookUp["reader"]) => {
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    const owner = reader === "another" ? "other" : undefined;
    asked[0]?.resolve([{ stored: undefined, reader, owner }]);
  };
  return { asked, answer, settle, listeners, fetch, client, ticket, outcome };
}

describe("a certificate for which nobody waits any more", () => {
  it("leaves while the store is asked, and what the store gives to this replica goes to others", async () => {
    const { answer, settle, fetch, client, ticket, outcome } = createScene();
    client.abort();
    expect(ticket.leaveUnwanted()).toBe(true);
    expect(await outcome).toBeInstanceOf(NotNeededError);
    await answer("us");
    await vi.waitFor(() =>
      expect(settle).toHaveBeenCalledWith([
        expect.objectContaining({
          claim: expect.objectContaining({ canonicalId: "tencent-ssl:default:a" }),
          reading: undefined,
        }),
      ]),
    );
    expect(fetch).not.toHaveBeenCalled();
  });

  it("leaves while another replica reads it, and is not looked up again", async () => {
    const { asked, answer, listeners, client, ticket, outcome } = createScene();
    await answer("another");
    await Promise.resolve();
    client.abort();
    expect(ticket.leaveUnwanted()).toBe(true);
    expect(await outcome).toBeInstanceOf(NotNeededError);
    // The other one failed: whoever still waited would try now.
    for (const listener of listeners) {
      listener.onSettled([{ canonicalId: "tencent-ssl:default:a", stored: undefined }]);
    }
    await Promise.resolve();
    await Promise.resolve();
    expect(asked).toHaveLength(1);
  });

  it("stays for those who wait still", async () => {
    const { answer, fetch, client, ticket, outcome } = createScene();
    ticket.join({ deadlineMs: Number.POSITIVE_INFINITY });
    client.abort();
    expect(ticket.leaveUnwanted()).toBe(false);
    await answer("us");
    expect(await outcome).toMatchObject({ reading: null });
    expect(fetch).toHaveBeenCalledTimes(1);
  });
});
