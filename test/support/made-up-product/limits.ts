import type { CallLimit } from "../../../src/quota/quota.ts";

export const getCertificate: CallLimit = {
  action: "GetCertificate",
  callsPerSecond: 50,
  countedPer: "account",
  documentation: "https://acme.example/docs/get-certificate",
};
