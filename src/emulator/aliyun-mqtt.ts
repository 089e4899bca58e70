// Alibaba Cloud ApsaraMQ for MQTT, version 2020-04-20: GetDeviceCredential, whose errors are answered with HTTP 4xx.
// https://help.aliyun.com/zh/apsaramq-for-mqtt/cloud-message-queue-mqtt-upgraded/developer-reference/api-onsmqtt-2020-04-20-getdevicecredential
import type { AliyunAction } from "./aliyun-gateway.ts";
import { CloudRefusal } from "./api.ts";
import { ALIYUN_MQTT_INSTANCES, type AliyunMqttCredential } from "./fleet-aliyun.ts";
import type { FleetProduct } from "./fleet-product.ts";

export const ALIYUN_MQTT_VERSION = "2020-04-20";

/** `<group id>@@@<device id>`, 64 characters at most. */
const CLIENT_ID = /^(?=.{1,64}$).+@@@.+$/u;

export function createAliyunMqttActions(
  fleet: FleetProduct<AliyunMqttCredential>,
): Readonly<Record<string, AliyunAction>> {
  return {
    GetDeviceCredential: {
      methods: ["POST"],
      requiredParameters: ["ClientId", "InstanceId"],
      run: ({ InstanceId = "", ClientId = "" }) => {
        if (!ALIYUN_MQTT_INSTANCES.some((known) => known === InstanceId)) {
          throw new CloudRefusal(
            "InstancePermissionCheckFailed",
            "An error occurred while validating the permissions of the instance.",
          );
        }
        if (!CLIENT_ID.test(ClientId)) {
          throw new CloudRefusal(
            "ParameterCheckFailed",
            "An error occurred while validating the parameters.",
          );
        }
        const credential = fleet.find(InstanceId, ClientId);
        if (credential === undefined) {
          throw new CloudRefusal(
            "DeviceCredentialNotFound",
            "The device credential does not exist.",
          );
        }
        return { fields: { DeviceCredential: credential.item }, code: null };
      },
    },
  };
}
