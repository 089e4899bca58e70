import type { CallLimit } from "../../../quota/quota.ts";

/** All RAM users of the account share it. */
export const queryDeviceCert: CallLimit = {
  action: "QueryDeviceCert",
  callsPerSecond: 10,
  countedPer: "account",
  documentation: "https://www.alibabacloud.com/help/en/iot/developer-reference/api-querydevicecert",
};
