import { generateKeyPairSync } from "node:crypto";
import { rename, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportSPKI, importJWK, type JWTPayload } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  KeysUnavailableError,
  type TokenKeySource,
  verifyToken,
} from "../../src/server/token-keys.ts";
import { openKeysFile } from "../../src/server/token-keys-file.ts";
import { createRemoteKeys } from "../../src/server/token-keys-remote.ts";
import { StartError } from "../../src/start-error.ts";
import { makeFolder } from "../support/process.ts";
import {
  AUDIENCE,
  createIssuerKey,
  ISSUER,
  type IssuerKey,
  signToken,
  startTokenIssuer,
  type TokenIssuer,
} from "../support/token-issuer.ts";

const OPTIONS = { issuer: ISSUER, audience: AUDIENCE, algorithms: ["ES256", "RS256"] };

const check = async (source: TokenKeySource, key: IssuerKey): Promise<JWTPayload> =>
  verifyToken(await signToken(key), source, OPTIONS);

async function toPem({ publicJwk, alg }: IssuerKey): Promise<string> {
  const key = await importJWK(publicJwk, alg, { extractable: true });
  if (key instanceof Uint8Array) throw new Error("expected a public key");
  return exportSPKI(key);
}

describe("keys from a file", () => {
  const warnings: unknown[] = [];
  const log = { warn: (entry: unknown) => void warnings.push(entry) };
  let file: string;

  beforeEach(async () => {
    warnings.length = 0;
    file = join(await makeFolder(), "keys");
  });

  it("may be PEM, without names; several of them, and with words between them", async () => {
    const [one, two] = [await createIssuerKey("one"), await createIssuerKey("two")];
    await writeFile(file, `first\n${await toPem(one)}\r\nsecond\n${await toPem(two)}`);
    const source = await openKeysFile(file, log);
    for (const key of [one, two]) await expect(check(source, key)).resolves.toBeDefined();
    await expect(check(source, await createIssuerKey("one"))).rejects.toThrow();
  });

  it("may be a JSON Web Key, or a set of them", async () => {
    const [one, two] = [await createIssuerKey("one"), await createIssuerKey("two")];
    await writeFile(file, JSON.stringify(one.publicJwk));
    const single = await openKeysFile(file, log);
    await expect(check(single, one)).resolves.toBeDefined();
    await expect(check(single, two)).rejects.toThrow();
    await writeFile(file, JSON.stringify({ keys: [one.publicJwk, two.publicJwk] }));
    const set = await openKeysFile(file, log);
    for (const key of [one, two]) await expect(check(set, key)).resolves.toBeDefined();
  });

  it("are read again when the file is written, replaced, or another one behind a link", async () => {
    const keys = await Promise.all(["a", "b", "c", "d"].map((kid) => createIssuerKey(kid)));
    const [a, b, c, d] = keys;
    if (!(a && b && c && d)) throw new Error("four keys were made");
    await writeFile(file, await toPem(a));
    const source = await openKeysFile(file, log);
    await expect(check(source, a)).resolves.toBeDefined();
    await writeFile(file, await toPem(b));
    await expect(check(source, b)).resolves.toBeDefined();
    await expect(check(source, a)).rejects.toThrow();
    await writeFile(`${file}.next`, await toPem(c));
    await rename(`${file}.next`, file);
    await expect(check(source, c)).resolves.toBeDefined();
    await writeFile(`${file}.other`, await toPem(d));
    await unlink(file);
    await symlink(`${file}.other`, file);
    await expect(check(source, d)).resolves.toBeDefined();
    expect(warnings).toEqual([]);
  });

  it("stay in force while the changed file cannot be read, which is logged", async () => {
    const [old, next] = [await createIssuerKey("old"), await createIssuerKey("next")];
    await writeFile(file, await toPem(old));
    const source = await openKeysFile(file, log);
    await writeFile(file, "-----BEGIN PUBLIC KEY-----\nAAAA");
    await expect(check(source, next)).rejects.toThrow();
    await expect(check(source, old)).resolves.toBeDefined();
    expect(warnings).toHaveLength(1);
    await unlink(file);
    await expect(check(source, next)).rejects.toThrow();
    await expect(check(source, old)).resolves.toBeDefined();
    await writeFile(file, await toPem(next));
    await expect(check(source, next)).resolves.toBeDefined();
    await expect(check(source, old)).rejects.toThrow();
  });

  it.each([
    ["nothing", () => ""],
    ["words", () => "the key is with Bob"],
    ["broken JSON", () => "{"],
    ["JSON that is no key", () => "{}"],
    ["an empty set", () => '{"keys":[]}'],
    ["half of a PEM", () => "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"],
    [
      "a private key in PEM",
      () =>
        generateKeyPairSync("ed25519")
          .privateKey.export({ format: "pem", type: "pkcs8" })
          .toString(),
    ],
    [
      "a private key in JSON",
      () => JSON.stringify(generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" })),
    ],
    ["a password", () => '{"kty":"oct","k":"AAAA"}'],
    ["far too much", () => " ".repeat(300_000)],
  ])(
    "are refused at the start with the file's name, not with its content: %s",
    async (_, toText) => {
      const text = toText();
      await writeFile(file, text);
      const error = await openKeysFile(file, log).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StartError);
      const { message } = error instanceof StartError ? error : new Error();
      expect(message).toMatch(/^auth\.jwt\.publicKeyFile: /);
      expect(message).toContain(file);
      for (const line of text.split("\n").filter(({ length }) => length > 30)) {
        if (line.trim() !== "") expect(message).not.toContain(line);
      }
    },
  );

  it("are refused at the start when there is no file", async () => {
    await expect(openKeysFile(file, log)).rejects.toThrow(/publicKeyFile: ENOENT/);
  });
});

describe("keys from a URL", () => {
  let issuer: TokenIssuer;
  let key: IssuerKey;
  let nowMs: number;
  const log = { info: () => {}, warn: () => {} };

  beforeEach(async () => {
    nowMs = 0;
    key = await createIssuerKey("first");
    issuer = await startTokenIssuer(key);
  });

  afterEach(() => issuer.close());

  const open = () => createRemoteKeys({ url: issuer.jwksUrl, log, now: () => nowMs });
  const MINUTE_MS = 60_000;

  it("are loaded at the start, before anybody asks, and renewed after ten minutes behind those who ask", async () => {
    const source = open();
    await expect(check(source, key)).resolves.toBeDefined();
    nowMs = 9 * MINUTE_MS;
    await check(source, key);
    expect(issuer.loads()).toBe(1);
    nowMs = 11 * MINUTE_MS;
    const next = await createIssuerKey("next");
    issuer.publish(next);
    // The old one does for the last time.
    await expect(check(source, key)).resolves.toBeDefined();
    await expect(check(source, next)).resolves.toBeDefined();
    expect(issuer.loads()).toBe(2);
    await expect(check(source, key)).rejects.toThrow();
  });

  it("are used for a day while the URL fails, and no longer", async () => {
    const source = open();
    await check(source, key);
    issuer.answer = (response) => response.writeHead(503).end();
    nowMs = 23 * 60 * MINUTE_MS;
    await expect(check(source, key)).resolves.toBeDefined();
    nowMs = 25 * 60 * MINUTE_MS;
    await expect(check(source, key)).rejects.toThrow(KeysUnavailableError);
  });

  it("that cannot be had are asked for again after two seconds, not with each token", async () => {
    issuer.answer = (response) => response.writeHead(503).end();
    const source = open();
    for (const _ of [1, 2, 3])
      await expect(check(source, key)).rejects.toThrow(KeysUnavailableError);
    expect(issuer.loads()).toBe(1);
    nowMs = 2_500;
    await expect(check(source, key)).rejects.toThrow(KeysUnavailableError);
    expect(issuer.loads()).toBe(2);
  });

  it("are asked for five times at once for unknown names, and then once in ten seconds", async () => {
    const source = open();
    await check(source, key);
    const forged = await createIssuerKey("forged");
    for (let count = 0; count < 8; count += 1)
      await expect(check(source, forged)).rejects.toThrow();
    expect(issuer.loads()).toBe(1 + 5);
    nowMs = 10_001;
    for (let count = 0; count < 3; count += 1)
      await expect(check(source, forged)).rejects.toThrow();
    expect(issuer.loads()).toBe(1 + 5 + 1);
  });

  it("are loaded once for all who wait for them", async () => {
    const source = open();
    await Promise.all(Array.from({ length: 20 }, () => check(source, key)));
    expect(issuer.loads()).toBe(1);
  });
});
