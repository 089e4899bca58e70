// Tencent Cloud's own credential chain: environment, profile file, role of the CVM instance, OIDC of a TKE pod.
import { AsyncLocalStorage } from "node:async_hooks";
import { createLog, type Log } from "../../log.ts";
import { Secret } from "../../secret.ts";
import {
  type CredentialSource,
  createRefreshingSource,
  type LoadedCredential,
} from "../credentials.ts";

/**
 * For how long a credential of a role is taken to be valid. The vendor's chain knows and does not tell;
 * its sessions last hours, and asking again early costs one call to the metadata service.
 */
const ROLE_CREDENTIAL_MS = 10 * 60_000;

/** Loads the vendor's package, which nobody pays for who configures keys. */
export async function openTencentCredentialChain(
  log: Pick<Log, "warn"> = createLog("warn"),
): Promise<CredentialSource> {
  const { DefaultCredentialProvider } = await import("tencentcloud-sdk-nodejs-common");
  return createRefreshingSource({
    title: "the Tencent Cloud credential chain",
    log,
    // Made anew each time: its role providers keep a failed answer for ever (4.1.220, seen in its code).
    load: () => withoutConsole(() => loadFrom(new DefaultCredentialProvider())),
  });
}

interface ChainProvider {
  getCredential(): Promise<{
    readonly secretId?: string | undefined;
    readonly secretKey?: string | undefined;
    readonly token?: string | undefined;
  }>;
}

async function loadFrom(provider: ChainProvider): Promise<LoadedCredential> {
  const { secretId, secretKey, token } = await provider.getCredential();
  // The vendor's chain answers with empty texts where all of it failed.
  if (!secretId || !secretKey) {
    throw new Error(
      "Nothing in TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, the profile file, the CVM role or TKE's OIDC",
    );
  }
  const accessKey = { accessKeyId: secretId, accessKeySecret: new Secret(secretKey) };
  if (!token) return { credential: accessKey };
  return {
    credential: { ...accessKey, securityToken: new Secret(token) },
    validForMs: ROLE_CREDENTIAL_MS,
  };
}

const silenced = new AsyncLocalStorage<true>();
let silencedCalls = 0;
let restoreConsole = () => {};

/** The vendor's chain prints what its providers threw, answers of the metadata service included. */
async function withoutConsole<T>(work: () => Promise<T>): Promise<T> {
  if (silencedCalls === 0) restoreConsole = silenceConsole(globalThis.console);
  silencedCalls += 1;
  try {
    return await silenced.run(true, work);
  } finally {
    silencedCalls -= 1;
    if (silencedCalls === 0) restoreConsole();
  }
}

/** What others print meanwhile goes on as before. */
function silenceConsole(target: Console): () => void {
  const printError = target.error;
  target.error = (...values: unknown[]) => {
    if (!silenced.getStore()) printError.apply(target, values);
  };
  return () => {
    target.error = printError;
  };
}
