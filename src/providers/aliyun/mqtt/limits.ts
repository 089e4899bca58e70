import type { CallLimit } from "../../../quota/quota.ts";

/** Each successful call is billed as one message. */
export const getDeviceCredential: CallLimit = {
  action: "GetDeviceCredential",
  callsPerSecond: 500,
  countedPer: "account",
  isBilled: true,
  documentation:
    "https://www.alibabacloud.com/help/en/apsaramq-for-mqtt/cloud-message-queue-mqtt-upgraded/developer-reference/qps-limits",
  // Past this the cloud does not refuse single calls: it blocks the address for a time that it does not tell.
  perSourceAddress: {
    callsPerSecond: 300,
    documentation:
      "https://www.alibabacloud.com/help/en/apsaramq-for-mqtt/cloud-message-queue-mqtt-upgraded/developer-reference/qps-limits",
  },
};
