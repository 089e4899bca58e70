// The accounts of the emulated clouds. Obviously fake, and canaries themselves: none of the secrets may turn up anywhere.
import { toCanary } from "./determined.ts";

export interface EmulatedCredential {
  /** Who pays, and whose quota counts. */
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Of temporary credentials: has to come with every call. */
  readonly securityToken?: string;
  readonly isExpired: boolean;
}

export interface EmulatedCredentials {
  readonly static: EmulatedCredential;
  /** Temporary credentials of the same account. */
  readonly sts: EmulatedCredential;
  /** Temporary credentials of the same account whose token has run out. */
  readonly expiredSts: EmulatedCredential;
  /** A second account, with quotas of its own. */
  readonly otherAccount: EmulatedCredential;
}

export function createEmulatedCredentials(
  seed: string,
  cloud: "tencent" | "aliyun",
): EmulatedCredentials {
  const stem = cloud === "tencent" ? "AKID-emulator" : "LTAI-emulator";
  const stsStem = cloud === "tencent" ? "AKID-emulator" : "STS.emulator";
  const own = `${cloud}-account-1`;
  const secretOf = (use: string) => toCanary(seed, cloud, use, "secret");
  const tokenOf = (use: string) => toCanary(seed, cloud, use, "token");
  return {
    static: {
      accountId: own,
      accessKeyId: `${stem}-static`,
      accessKeySecret: secretOf("static"),
      isExpired: false,
    },
    sts: {
      accountId: own,
      accessKeyId: `${stsStem}-sts`,
      accessKeySecret: secretOf("sts"),
      securityToken: tokenOf("sts"),
      isExpired: false,
    },
    expiredSts: {
      accountId: own,
      accessKeyId: `${stsStem}-expired`,
      accessKeySecret: secretOf("expired"),
      securityToken: tokenOf("expired"),
      isExpired: true,
    },
    otherAccount: {
      accountId: `${cloud}-account-2`,
      accessKeyId: `${stem}-other-account`,
      accessKeySecret: secretOf("other account"),
      isExpired: false,
    },
  };
}

export function findCredential(
  credentials: EmulatedCredentials,
  accessKeyId: string,
): EmulatedCredential | undefined {
  return [
    credentials.static,
    credentials.sts,
    credentials.expiredSts,
    credentials.otherAccount,
  ].find((credential) => credential.accessKeyId === accessKeyId);
}

/** The parts of the credentials that must stay secret. */
export function listCredentialSecrets(credentials: EmulatedCredentials): string[] {
  return [
    credentials.static,
    credentials.sts,
    credentials.expiredSts,
    credentials.otherAccount,
  ].flatMap(({ accessKeySecret, securityToken }) =>
    securityToken === undefined ? [accessKeySecret] : [accessKeySecret, securityToken],
  );
}
