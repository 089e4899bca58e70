import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type Credential,
  CredentialError,
  createRefreshingSource,
  createStaticSource,
  isSameCredential,
  type LoadedCredential,
} from "../../src/providers/credentials.ts";
import { Secret } from "../../src/secret.ts";
import { createRecordingLog } from "./log.ts";

const MINUTE_MS = 60_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("createStaticSource", () => {
  it("gives the one credential, also after it was refused", async () => {
    const credential = toCredential("id");
    const source = createStaticSource(credential);
    source.refresh(credential);
    expect(await source.get()).toBe(credential);
  });
});

describe("createRefreshingSource", () => {
  it("loads nothing before it is asked", () => {
    const { load } = createSource();
    expect(load).not.toHaveBeenCalled();
  });

  it("loads once for 25 who ask at the same time", async () => {
    const { source, load, answer } = createSource();
    const asked = Array.from({ length: 25 }, () => source.get());
    answer({ credential: toCredential("one") });
    const got = await Promise.all(asked);
    expect(new Set(got).size).toBe(1);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it("keeps for good what does not expire", async () => {
    const { source, load, answer } = createSource();
    answer({ credential: toCredential("one") });
    await source.get();
    vi.advanceTimersByTime(365 * 24 * 60 * MINUTE_MS);
    expect(await source.get()).toMatchObject({ accessKeyId: "one" });
    expect(load).toHaveBeenCalledTimes(1);
  });

  it("replaces a credential in the background five minutes before it expires", async () => {
    const { source, load, answer } = createSource();
    answer({ credential: toCredential("one"), validForMs: 60 * MINUTE_MS });
    await source.get();
    vi.advanceTimersByTime(54 * MINUTE_MS);
    await source.get();
    expect(load).toHaveBeenCalledTimes(1);

    vi.advanceTimersByTime(2 * MINUTE_MS);
    const meanwhile = await Promise.all(Array.from({ length: 25 }, () => source.get()));
    expect(new Set(meanwhile.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(["one"]));
    expect(load).toHaveBeenCalledTimes(2);

    answer({ credential: toCredential("two"), validForMs: 60 * MINUTE_MS });
    await vi.advanceTimersByTimeAsync(0);
    expect(await source.get()).toMatchObject({ accessKeyId: "two" });
    expect(load).toHaveBeenCalledTimes(2);
  });

  it("never gives an expired credential", async () => {
    const { source, answer } = createSource();
    answer({ credential: toCredential("one"), validForMs: 60 * MINUTE_MS });
    await source.get();
    vi.advanceTimersByTime(60 * MINUTE_MS);
    const next = source.get();
    answer({ credential: toCredential("two") });
    expect(await next).toMatchObject({ accessKeyId: "two" });
  });

  it("does not load for each call when a credential lives shorter than that", async () => {
    const { source, load, answer } = createSource();
    answer({ credential: toCredential("short"), validForMs: 2 * MINUTE_MS });
    for (let call = 0; call < 10; call += 1) await source.get();
    expect(load).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(MINUTE_MS);
    await source.get();
    expect(load).toHaveBeenCalledTimes(2);
    answer({ credential: toCredential("next") });
    await source.get();
  });

  it("keeps a valid credential while its replacement fails, and tries again after a pause", async () => {
    const { source, load, answer, fail } = createSource();
    answer({ credential: toCredential("one"), validForMs: 60 * MINUTE_MS });
    await source.get();
    vi.advanceTimersByTime(56 * MINUTE_MS);
    await source.get();
    fail(new Error("metadata service is down"));
    await vi.advanceTimersByTimeAsync(0);
    for (let call = 0; call < 10; call += 1) {
      expect(await source.get()).toMatchObject({ accessKeyId: "one" });
    }
    expect(load).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(1_000);
    await source.get();
    expect(load).toHaveBeenCalledTimes(3);
    answer({ credential: toCredential("two") });
    await source.get();
  });

  it("never remembers a failure: it tries again after a second, and gives the same error until then", async () => {
    const { source, load, answer, fail } = createSource();
    const first = source.get();
    fail(new Error("no route"));
    const error = await first.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CredentialError);
    for (let call = 0; call < 10; call += 1) await expect(source.get()).rejects.toBe(error);
    expect(load).toHaveBeenCalledTimes(1);

    vi.advanceTimersByTime(1_000);
    const second = source.get();
    answer({ credential: toCredential("one") });
    expect(await second).toMatchObject({ accessKeyId: "one" });
  });

  it("gives up a load that hangs", async () => {
    const { source, load } = createSource();
    const got = source.get().catch((reason: unknown) => reason);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await got).toBeInstanceOf(CredentialError);
    await vi.advanceTimersByTimeAsync(1_000);
    source.get().catch(() => {});
    expect(load).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(10_000);
  });

  it("loads once more for many whose credential was refused", async () => {
    const { source, load, answer } = createSource();
    answer({ credential: toCredential("one") });
    const refused = await source.get();
    const renewed = Array.from({ length: 25 }, () => {
      source.refresh(refused);
      return source.get();
    });
    answer({ credential: toCredential("two") });
    expect(new Set(await Promise.all(renewed)).size).toBe(1);
    source.refresh(refused);
    expect(await source.get()).toMatchObject({ accessKeyId: "two" });
    expect(load).toHaveBeenCalledTimes(2);
  });

  it("loads no third one for those whose second credential is refused as well", async () => {
    const { source, load, answer } = createSource();
    answer({ credential: toCredential("one") });
    source.refresh(await source.get());
    const second = source.get();
    answer({ credential: toCredential("two") });
    for (let call = 0; call < 10; call += 1) source.refresh(await second);
    expect(await source.get()).toBe(await second);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it("is disturbed by no jump of the system clock", async () => {
    const { source, load, answer } = createSource();
    answer({ credential: toCredential("one"), validForMs: 60 * MINUTE_MS });
    await source.get();
    for (const jump of [365 * 24 * 60 * MINUTE_MS, -365 * 24 * 60 * MINUTE_MS]) {
      vi.setSystemTime(Date.now() + jump);
      expect(await source.get()).toMatchObject({ accessKeyId: "one" });
    }
    expect(load).toHaveBeenCalledTimes(1);
  });

  it("does not load for each refusal when there is no other credential to be had", async () => {
    const { source, load, answer } = createSource();
    answer({ credential: toCredential("one") });
    const refused = await source.get();
    source.refresh(refused);
    const second = source.get();
    answer({ credential: toCredential("one") });
    expect(await second).toBe(refused);
    for (let call = 0; call < 10; call += 1) {
      source.refresh(refused);
      expect(await source.get()).toBe(refused);
    }
    expect(load).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(10_000);
    source.refresh(refused);
    const third = source.get();
    answer({ credential: toCredential("two") });
    expect(await third).toMatchObject({ accessKeyId: "two" });
  });

  it.each([
    'get sts token failed with OIDC: {"AccessKeySecret":"PLANTED"}',
    "get sts token failed, httpStatus: 500, message = PLANTED",
    'error retrieving credentials from credentialsURI result: {"AccessKeyId":"PLANTED"}.',
    "get sts token failed, json parse failed: Unexpected end of JSON input, result: PLANTED.",
    "Unexpected token 'P', \"PLANTED\" is not valid JSON",
    "invalid json response body at http://metadata/ reason: Unexpected token P PLANTED",
  ])("does not repeat what a vendor's error quotes: %s", async (message) => {
    const { source, fail, log } = createSource();
    const got = source.get().catch((reason: unknown) => reason);
    fail(new Error(message));
    expect(inspect(await got, { depth: null })).not.toContain("PLANTED");
    expect(log.entries).toHaveLength(1);
    expect(JSON.stringify(log.entries)).not.toContain("PLANTED");
  });
});

describe("isSameCredential", () => {
  it("compares the key, the secret and the token", () => {
    const one = toCredential("one", "token");
    expect(isSameCredential(one, toCredential("one", "token"))).toBe(true);
    expect(isSameCredential(one, toCredential("two", "token"))).toBe(false);
    expect(isSameCredential(one, toCredential("one", "other"))).toBe(false);
    expect(isSameCredential(one, toCredential("one"))).toBe(false);
    expect(isSameCredential(one, { ...one, accessKeySecret: new Secret("other") })).toBe(false);
  });
});

function toCredential(accessKeyId: string, token?: string): Credential {
  return {
    accessKeyId,
    accessKeySecret: new Secret("secret"),
    ...(token !== undefined && { securityToken: new Secret(token) }),
  };
}

/** A source whose loads are answered by hand, in the order in which they began. */
function createSource() {
  const settlers: PromiseWithResolvers<LoadedCredential>[] = [];
  let answered = 0;
  const settler = (index: number) => {
    settlers[index] ??= Promise.withResolvers<LoadedCredential>();
    return settlers[index];
  };
  let begun = 0;
  const load = vi.fn(() => settler(begun++).promise);
  const log = createRecordingLog();
  return {
    source: createRefreshingSource({ title: "a chain", load, log }),
    load,
    log,
    answer: (loaded: LoadedCredential) => settler(answered++).resolve(loaded),
    fail: (error: Error) => settler(answered++).reject(error),
  };
}
