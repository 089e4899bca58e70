// The call of ApsaraMQ for MQTT (2020-04-20) that tells about a device's credential, in the vendor's words.
import { z } from "zod";
import type { Connection } from "../../../device-certificate/product.ts";
import type { CallOrigin } from "../../../errors.ts";
import { integer, readAnswer, requiredObject, requiredText, secretText } from "../../answer.ts";
import { createAliyunClient } from "../client.ts";
import { ALIYUN_GATEWAY_ERRORS, ALIYUN_MQTT_ERRORS } from "../error-codes.ts";

const DeviceCredentialAnswer = z.object({
  // DeviceAccessKeySecret is not named here: it must go no further than this file.
  DeviceCredential: requiredObject({
    ClientId: requiredText,
    InstanceId: requiredText,
    DeviceAccessKeyId: requiredText,
    CreateTime: integer,
    UpdateTime: integer,
  }),
});

/** For handing out the secret: with what tells whose it is, and nothing else of the same answer. */
const DeviceAccessKeySecretAnswer = z.object({
  DeviceCredential: requiredObject({
    ClientId: requiredText,
    InstanceId: requiredText,
    DeviceAccessKeySecret: secretText,
  }),
});

export type DeviceCredential = NonNullable<
  z.output<typeof DeviceCredentialAnswer>["DeviceCredential"]
>;

export type DeviceAccessKeySecret = NonNullable<
  z.output<typeof DeviceAccessKeySecretAnswer>["DeviceCredential"]
>;

export function createAliyunMqttClient(connection: Connection, origin: CallOrigin) {
  const client = createAliyunClient({
    ...connection,
    origin,
    version: "2020-04-20",
    errorTables: [ALIYUN_MQTT_ERRORS, ALIYUN_GATEWAY_ERRORS],
  });

  const request = (instanceId: string, clientId: string, signal: AbortSignal | undefined) => {
    const parameters = { InstanceId: instanceId, ClientId: clientId };
    return client.request("GetDeviceCredential", parameters, signal);
  };

  return {
    /** `null` when the answer holds none. https://help.aliyun.com/document_detail/604857.html */
    async getDeviceCredential(
      instanceId: string,
      clientId: string,
      signal?: AbortSignal,
    ): Promise<DeviceCredential | null> {
      const answer = await request(instanceId, clientId, signal);
      return readAnswer(DeviceCredentialAnswer, answer, origin).DeviceCredential;
    },

    /** The same call for the secret half of the credential. */
    async getDeviceAccessKeySecret(
      instanceId: string,
      clientId: string,
      signal?: AbortSignal,
    ): Promise<DeviceAccessKeySecret | null> {
      const answer = await request(instanceId, clientId, signal);
      return readAnswer(DeviceAccessKeySecretAnswer, answer, origin).DeviceCredential;
    },
  };
}
