// Alibaba Cloud ApsaraMQ for MQTT: the access credentials of devices.
import type { CertificateProduct } from "../../../device-certificate/product.ts";
import { createMismatchError, toNullWhenNotFound } from "../../answer.ts";
import { aliyunCloud } from "../cloud.ts";
import { AliyunMqttDeviceCredential, SHARING } from "./certificate.ts";
import { createAliyunMqttClient } from "./client.ts";
import { getDeviceCredential } from "./limits.ts";
import { toFacts } from "./mapper.ts";

export const aliyunMqtt: CertificateProduct = {
  prefix: "aliyun-mqtt",
  cloud: aliyunCloud,
  endpoint: { name: "mqtt", originOf: (region) => `https://onsmqtt.${region}.aliyuncs.com` },
  limits: [getDeviceCredential],
  key: [
    {
      name: "InstanceId",
      argument: "instanceId",
      description: "The MQTT instance that the credential is for.",
      isId: true,
    },
    {
      name: "ClientId",
      argument: "clientId",
      description: "The MQTT client that the credential is for, like GID_group@@@device.",
      isId: false,
    },
  ],
  certificateType: AliyunMqttDeviceCredential,
  rootField: {
    name: "aliyunMqttDeviceCredential",
    description:
      "The access credential of a device of ApsaraMQ for MQTT; null when the cloud has no such credential.",
  },
  detailFields: new Set(),
  sharing: SHARING,

  connect(connection) {
    const origin = { provider: aliyunMqtt.prefix, connection: connection.name };
    const client = createAliyunMqttClient(connection, origin);
    const caller = connection.caller(getDeviceCredential);
    /** Never another device's. */
    const checkIdentity = (
      { InstanceId, ClientId }: Readonly<Record<"InstanceId" | "ClientId", string | null>>,
      instanceId: string,
      clientId: string,
    ) => {
      if ((ClientId ?? clientId) !== clientId || (InstanceId ?? instanceId) !== instanceId) {
        throw createMismatchError(origin);
      }
    };

    return {
      fetch: (requests) =>
        requests.map(async ({ key: [instanceId = "", clientId = ""], ticket }) => {
          const credential = await caller
            .call((signal) => client.getDeviceCredential(instanceId, clientId, signal), {
              tickets: [ticket],
            })
            .catch(toNullWhenNotFound);
          if (credential === null) return null;
          checkIdentity(credential, instanceId, clientId);
          return { facts: toFacts(instanceId, clientId, credential), hasDetail: true };
        }),
      secrets: {
        deviceAccessKeySecret: async ({
          key: [instanceId = "", clientId = ""],
          ticket,
          isNeeded,
        }) => {
          const credential = await caller
            .call((signal) => client.getDeviceAccessKeySecret(instanceId, clientId, signal), {
              tickets: [ticket],
              isNeeded,
            })
            .catch(toNullWhenNotFound);
          if (credential === null) return null;
          checkIdentity(credential, instanceId, clientId);
          return credential.DeviceAccessKeySecret;
        },
      },
    };
  },
};
