import type { FactsOf } from "../../../device-certificate/device-certificate.ts";
import { toDate } from "../../answer.ts";
import type { AliyunMqttDeviceCredential } from "./certificate.ts";
import type { DeviceCredential } from "./client.ts";

export function toFacts(
  instanceId: string,
  clientId: string,
  { DeviceAccessKeyId, CreateTime, UpdateTime }: DeviceCredential,
): FactsOf<AliyunMqttDeviceCredential> {
  return {
    // The product knows no status and no expiry: what exists is in use.
    reportedStatus: "ACTIVE",
    providerStatus: null,
    createdAt: toDate(CreateTime),
    updatedAt: toDate(UpdateTime),
    instanceId,
    clientId,
    deviceAccessKeyId: DeviceAccessKeyId,
  };
}
