// The call of IoT Platform (2018-01-20) that tells about a device's X.509 certificate, in the vendor's words.
import { z } from "zod";
import type { Connection } from "../../../device-certificate/product.ts";
import type { CallOrigin } from "../../../errors.ts";
import type { Secret } from "../../../secret.ts";
import { readAnswer, requiredInteger, requiredObject, secretText, text } from "../../answer.ts";
import { createAliyunClient } from "../client.ts";
import { ALIYUN_GATEWAY_ERRORS, ALIYUN_IOT_ERRORS } from "../error-codes.ts";

const DeviceCertAnswer = z.object({
  // PrivateKey is not named here: it must go no further than this file.
  DeviceCertInfo: requiredObject({ Status: requiredInteger, Certificate: text, CertSN: text }),
});

/** For handing out the secret, and nothing else of the same answer. */
const PrivateKeyAnswer = z.object({
  DeviceCertInfo: requiredObject({ Status: requiredInteger, PrivateKey: secretText }),
});

export type DeviceCertInfo = NonNullable<z.output<typeof DeviceCertAnswer>["DeviceCertInfo"]>;

export function createAliyunIotClient(connection: Connection, origin: CallOrigin) {
  const client = createAliyunClient({
    ...connection,
    origin,
    version: "2018-01-20",
    errorTables: [ALIYUN_IOT_ERRORS, ALIYUN_GATEWAY_ERRORS],
  });

  const query = (
    productKey: string,
    deviceName: string,
    iotInstanceId: string | null,
    signal: AbortSignal | undefined,
  ) => {
    const parameters = {
      ProductKey: productKey,
      DeviceName: deviceName,
      ...(iotInstanceId !== null && { IotInstanceId: iotInstanceId }),
    };
    return client.request("QueryDeviceCert", parameters, signal);
  };

  return {
    /** `null` when the answer holds none. https://www.alibabacloud.com/help/en/iot/developer-reference/api-querydevicecert */
    async queryDeviceCert(
      productKey: string,
      deviceName: string,
      iotInstanceId: string | null,
      signal?: AbortSignal,
    ): Promise<DeviceCertInfo | null> {
      const answer = await query(productKey, deviceName, iotInstanceId, signal);
      return readAnswer(DeviceCertAnswer, answer, origin).DeviceCertInfo;
    },

    /** The same call for the device's private key. */
    async queryPrivateKey(
      productKey: string,
      deviceName: string,
      iotInstanceId: string | null,
      signal?: AbortSignal,
    ): Promise<{ readonly Status: number | null; readonly PrivateKey: Secret | null } | null> {
      const answer = await query(productKey, deviceName, iotInstanceId, signal);
      return readAnswer(PrivateKeyAnswer, answer, origin).DeviceCertInfo;
    },
  };
}
