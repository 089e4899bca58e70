import type { CallLimit } from "../../../quota/quota.ts";

export const describeDeviceCertificate: CallLimit = {
  action: "DescribeDeviceCertificate",
  callsPerSecond: 20,
  countedPer: "accessKey",
  documentation: "https://cloud.tencent.com/document/api/1778/113748",
};

export const describeDeviceCertificates: CallLimit = {
  action: "DescribeDeviceCertificates",
  callsPerSecond: 20,
  countedPer: "accessKey",
  documentation: "https://cloud.tencent.com/document/api/1778/113647",
};

/** Most filter values, and most items, of one list call. */
export const MAX_LISTED = 100;
