// Alibaba Cloud's own credential chain: environment, OIDC, CLI and SDK profiles, role of the ECS instance, credentials URI.
import { createLog, type Log } from "../../log.ts";
import { Secret } from "../../secret.ts";
import {
  type CredentialSource,
  createRefreshingSource,
  type LoadedCredential,
} from "../credentials.ts";

/**
 * For how long a session credential is taken to be valid. The vendor's chain knows and does not tell;
 * its sessions last an hour or more, and asking again early costs one call to the metadata service or STS.
 */
const SESSION_CREDENTIAL_MS = 10 * 60_000;

/** Loads the vendor's package, which nobody pays for who configures keys. */
export async function openAliyunCredentialChain(
  log: Pick<Log, "warn"> = createLog("warn"),
): Promise<CredentialSource> {
  // Not the package's default export: it is CommonJS, and tools disagree on what that is in an ES module.
  const { DefaultCredentialsProvider } = await import("@alicloud/credentials");
  return createRefreshingSource({
    title: "the Alibaba Cloud credential chain",
    log,
    // Made anew each time: after a failure its chain asks the last provider alone (2.4.7, seen in its code).
    load: () => loadFrom(DefaultCredentialsProvider.builder().build()),
  });
}

interface ChainProvider {
  getCredentials(): Promise<{
    readonly accessKeyId?: string;
    readonly accessKeySecret?: string;
    readonly securityToken?: string;
  }>;
}

async function loadFrom(provider: ChainProvider): Promise<LoadedCredential> {
  const { accessKeyId, accessKeySecret, securityToken } = await provider.getCredentials();
  if (!accessKeyId || !accessKeySecret) throw new Error("The chain answered without an access key");
  const accessKey = { accessKeyId, accessKeySecret: new Secret(accessKeySecret) };
  if (!securityToken) return { credential: accessKey };
  return {
    credential: { ...accessKey, securityToken: new Secret(securityToken) },
    validForMs: SESSION_CREDENTIAL_MS,
  };
}
