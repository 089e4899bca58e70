import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CredentialError } from "../../../src/providers/credentials.ts";
import { openTencentCredentialChain } from "../../../src/providers/tencent/credentials.ts";
import { createRecordingLog } from "../log.ts";
import { type LoopbackServer, startConnectProxy, startServer } from "../loopback.ts";

const terminal = globalThis.console;
let home = "";

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "profile-"));
  vi.stubEnv("HOME", home);
  for (const name of ["SECRET_ID", "SECRET_KEY", "SESSION_TOKEN"]) {
    vi.stubEnv(`TENCENTCLOUD_${name}`, undefined);
  }
  for (const name of ["REGION", "PROVIDER_ID", "WEB_IDENTITY_TOKEN_FILE", "ROLE_ARN"]) {
    vi.stubEnv(`TKE_${name}`, undefined);
  }
});

afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

describe("openTencentCredentialChain", () => {
  it("takes the keys of the environment first", async () => {
    vi.stubEnv("TENCENTCLOUD_SECRET_ID", "from-environment");
    vi.stubEnv("TENCENTCLOUD_SECRET_KEY", "key");
    const source = await openTencentCredentialChain(createRecordingLog());
    const credential = await source.get();
    expect(credential.accessKeyId).toBe("from-environment");
    expect(credential.accessKeySecret.reveal()).toBe("key");
    expect(credential.securityToken).toBeUndefined();
  });

  it("takes those of the profile file next", async () => {
    await mkdir(join(home, ".tencentcloud"));
    const lines = ["[default]", "secret_id = from-profile", "secret_key = key"];
    await writeFile(join(home, ".tencentcloud", "credentials"), lines.join("\n"));
    const source = await openTencentCredentialChain(createRecordingLog());
    expect(await source.get()).toMatchObject({ accessKeyId: "from-profile" });
  });

  it("asks the metadata service once for 25 who want the role's credential", async () => {
    const metadata = await startMetadata(() => "up");
    const source = await openTencentCredentialChain(createRecordingLog());
    const got = await Promise.all(Array.from({ length: 25 }, () => source.get()));
    expect(new Set(got).size).toBe(1);
    expect(got[0]?.accessKeyId).toBe("role-1");
    expect(got[0]?.securityToken?.reveal()).toBe("token");
    expect(metadata.requests.map(({ url }) => url)).toEqual([ROLE_PATH, `${ROLE_PATH}my-role`]);
  });

  it("asks again after a failure, which the vendor's own provider keeps for ever", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const printed = vi.spyOn(terminal, "error").mockImplementation(() => {});
    let state: MetadataState = "down";
    const metadata = await startMetadata(() => state);
    const log = createRecordingLog();
    const source = await openTencentCredentialChain(log);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(source.get()).rejects.toThrow(CredentialError);
    }
    expect(metadata.requests).toHaveLength(1);
    expect(log.entries).toMatchObject([
      { message: "No credential from the Tencent Cloud credential chain" },
    ]);

    state = "up";
    vi.advanceTimersByTime(1_000);
    expect(await source.get()).toMatchObject({ accessKeyId: "role-1" });
    expect(printed).not.toHaveBeenCalled();
  });

  it("keeps what the metadata service said out of errors, the log and the console", async () => {
    const printed = vi.spyOn(terminal, "error").mockImplementation(() => {});
    await startMetadata(() => "garbled");
    const log = createRecordingLog();
    const source = await openTencentCredentialChain(log);
    const error = await source.get().catch((reason: unknown) => reason);
    expect(inspect(error, { depth: null })).not.toContain("PLANTED");
    expect(JSON.stringify(log.entries)).not.toContain("PLANTED");
    expect(printed).not.toHaveBeenCalled();
  });

  it("lets others print to the console meanwhile, and restores it", async () => {
    const printed = vi.spyOn(terminal, "error").mockImplementation(() => {});
    const own = terminal.error;
    await startMetadata(() => "down");
    const source = await openTencentCredentialChain(createRecordingLog());
    const failed = source.get().catch(() => {});
    terminal.error("from elsewhere");
    await failed;
    expect(printed.mock.calls).toEqual([["from elsewhere"]]);
    expect(terminal.error).toBe(own);
  });

  it("loads another credential when the cloud refused the first", async () => {
    await startMetadata(() => "up");
    const source = await openTencentCredentialChain(createRecordingLog());
    source.refresh(await source.get());
    expect(await source.get()).toMatchObject({ accessKeyId: "role-2" });
  });

  it("does not hold a role's credential for longer than ten minutes", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    await startMetadata(() => "up");
    const source = await openTencentCredentialChain(createRecordingLog());
    await source.get();
    vi.advanceTimersByTime(10 * 60_000);
    expect(await source.get()).toMatchObject({ accessKeyId: "role-2" });
  });
});

type MetadataState = "up" | "down" | "garbled";

const ROLE_PATH = "/latest/meta-data/cam/security-credentials/";

/** The metadata service of a CVM instance, reached as the vendor's package reaches it: through `http_proxy`. */
async function startMetadata(state: () => MetadataState): Promise<LoopbackServer> {
  let issued = 0;
  const server = await startServer((request, response) => {
    if (state() === "down") {
      response.writeHead(404).end();
    } else if (request.url === ROLE_PATH) {
      response.end("my-role");
    } else if (state() === "garbled") {
      response.end("PLANTED is no JSON");
    } else {
      issued += 1;
      const ExpiredTime = Math.floor(Date.now() / 1000) + 7_200;
      const keys = { TmpSecretId: `role-${issued}`, TmpSecretKey: "key", Token: "token" };
      response.end(JSON.stringify({ ...keys, ExpiredTime, Code: "Success" }));
    }
  });
  const proxy = await startConnectProxy({ targetPort: server.port });
  vi.stubEnv("http_proxy", proxy.origin);
  return server;
}
