import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openAliyunCredentialChain } from "../../../src/providers/aliyun/credentials.ts";
import { CredentialError } from "../../../src/providers/credentials.ts";
import { createRecordingLog } from "../log.ts";
import { type LoopbackServer, startServer } from "../loopback.ts";

let home = "";

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "profile-"));
  vi.stubEnv("HOME", home);
  const names = ["ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN", "CREDENTIALS_URI"];
  const oidc = ["ROLE_ARN", "OIDC_PROVIDER_ARN", "OIDC_TOKEN_FILE", "PROFILE", "CREDENTIALS_FILE"];
  for (const name of [...names, ...oidc]) vi.stubEnv(`ALIBABA_CLOUD_${name}`, undefined);
  vi.stubEnv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
});

afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

describe("openAliyunCredentialChain", () => {
  it("takes the keys of the environment first", async () => {
    vi.stubEnv("ALIBABA_CLOUD_ACCESS_KEY_ID", "from-environment");
    vi.stubEnv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "key");
    vi.stubEnv("ALIBABA_CLOUD_SECURITY_TOKEN", "token");
    const source = await openAliyunCredentialChain(createRecordingLog());
    const credential = await source.get();
    expect(credential.accessKeyId).toBe("from-environment");
    expect(credential.accessKeySecret.reveal()).toBe("key");
    expect(credential.securityToken?.reveal()).toBe("token");
  });

  it("asks the credentials URI once for 25 who want a credential", async () => {
    const server = await startCredentials(() => "up");
    const source = await openAliyunCredentialChain(createRecordingLog());
    const got = await Promise.all(Array.from({ length: 25 }, () => source.get()));
    expect(new Set(got).size).toBe(1);
    expect(got[0]).toMatchObject({ accessKeyId: "session-1" });
    expect(server.requests).toHaveLength(1);
  });

  it("asks the whole chain again after a failure, where the vendor's asks its last provider alone", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const server = await startCredentials(() => "down");
    const log = createRecordingLog();
    const source = await openAliyunCredentialChain(log);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(source.get()).rejects.toThrow(CredentialError);
    }
    expect(server.requests).toHaveLength(1);
    expect(log.entries).toMatchObject([
      { message: "No credential from the Alibaba Cloud credential chain" },
    ]);

    vi.stubEnv("ALIBABA_CLOUD_ACCESS_KEY_ID", "from-environment");
    vi.stubEnv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "key");
    vi.advanceTimersByTime(1_000);
    expect(await source.get()).toMatchObject({ accessKeyId: "from-environment" });
  });

  it.each(["garbled", "incomplete", "down"] as const)(
    "keeps a %s answer out of errors and the log, which the vendor's errors quote",
    async (state) => {
      await startCredentials(() => state);
      const log = createRecordingLog();
      const source = await openAliyunCredentialChain(log);
      const error = await source.get().catch((reason: unknown) => reason);
      expect(inspect(error, { depth: null })).not.toContain("PLANTED");
      expect(log.entries).toHaveLength(1);
      expect(JSON.stringify(log.entries)).not.toContain("PLANTED");
    },
  );

  it("loads another credential when the cloud refused the first", async () => {
    await startCredentials(() => "up");
    const source = await openAliyunCredentialChain(createRecordingLog());
    source.refresh(await source.get());
    expect(await source.get()).toMatchObject({ accessKeyId: "session-2" });
  });

  it("does not hold a session's credential for longer than ten minutes", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    await startCredentials(() => "up");
    const source = await openAliyunCredentialChain(createRecordingLog());
    await source.get();
    vi.advanceTimersByTime(10 * 60_000);
    expect(await source.get()).toMatchObject({ accessKeyId: "session-2" });
  });
});

type CredentialsState = "up" | "down" | "garbled" | "incomplete";

/** A service that hands out session credentials at `ALIBABA_CLOUD_CREDENTIALS_URI`. */
async function startCredentials(state: () => CredentialsState): Promise<LoopbackServer> {
  let issued = 0;
  const server = await startServer((_, response) => {
    issued += 1;
    const Expiration = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, "");
    const keys = { AccessKeyId: `session-${issued}`, AccessKeySecret: "key", Expiration };
    switch (state()) {
      case "up":
        return response.end(JSON.stringify({ ...keys, SecurityToken: "token", Code: "Success" }));
      case "incomplete":
        return response.end(JSON.stringify({ ...keys, AccessKeySecret: "PLANTED" }));
      case "garbled":
        return response.end("PLANTED");
      case "down":
        return response.writeHead(500).end("PLANTED");
    }
  });
  vi.stubEnv("ALIBABA_CLOUD_CREDENTIALS_URI", `${server.origin}/credentials`);
  return server;
}
