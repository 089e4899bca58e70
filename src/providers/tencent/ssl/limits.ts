import type { CallLimit } from "../../../quota/quota.ts";

export const describeCertificate: CallLimit = {
  action: "DescribeCertificate",
  callsPerSecond: 10,
  countedPer: "accessKey",
  documentation: "https://cloud.tencent.com/document/api/400/41674",
};

export const describeCertificates: CallLimit = {
  action: "DescribeCertificates",
  callsPerSecond: 10,
  countedPer: "accessKey",
  documentation: "https://cloud.tencent.com/document/api/400/41671",
};

/** Most items of one list call; the cloud cuts longer answers. */
export const MAX_LISTED = 1000;
