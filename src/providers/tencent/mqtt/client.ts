// The two calls of TDMQ for MQTT (2024-05-16) that tell about device certificates, in the vendor's words.
import { z } from "zod";
import type { Connection } from "../../../device-certificate/product.ts";
import type { CallOrigin } from "../../../errors.ts";
import { integer, readAnswer, readItems, requiredText, text } from "../../answer.ts";
import { createTencentClient } from "../client.ts";
import { TENCENT_ERRORS, TENCENT_MQTT_ERRORS } from "../error-codes.ts";
import { MAX_LISTED } from "./limits.ts";

const DeviceCertificateItem = z.object({
  InstanceId: requiredText,
  ClientId: text,
  DeviceCertificate: text,
  DeviceCertificateSn: requiredText,
  DeviceCertificateCn: text,
  CaSn: text,
  Format: text,
  Status: requiredText,
  OrganizationalUnit: text,
  LastActivationTime: integer,
  LastInactivationTime: integer,
  CreatedTime: integer,
  UpdateTime: integer,
  CertificateSource: text,
  NotAfterTime: integer,
  NotBeforeTime: integer,
});

/** What both calls say of one certificate; the list call has every field of the single one. */
export type DeviceCertificateItem = z.output<typeof DeviceCertificateItem>;

const DeviceCertificateList = z.object({ Data: z.array(z.unknown()).nullish() });

export function createTencentMqttClient(connection: Connection, origin: CallOrigin) {
  const client = createTencentClient({
    ...connection,
    origin,
    service: "mqtt",
    version: "2024-05-16",
    errorTables: [TENCENT_MQTT_ERRORS, TENCENT_ERRORS],
  });

  return {
    /** https://cloud.tencent.com/document/api/1778/113748 */
    async describeDeviceCertificate(
      instanceId: string,
      deviceCertificateSn: string,
      signal?: AbortSignal,
    ): Promise<DeviceCertificateItem> {
      const parameters = { InstanceId: instanceId, DeviceCertificateSn: deviceCertificateSn };
      const answer = await client.request("DescribeDeviceCertificate", parameters, signal);
      return readAnswer(DeviceCertificateItem, answer, origin);
    },

    /** https://cloud.tencent.com/document/api/1778/113647 */
    async describeDeviceCertificates(
      instanceId: string,
      deviceCertificateSns: readonly string[],
      signal?: AbortSignal,
    ): Promise<DeviceCertificateItem[]> {
      const parameters = {
        InstanceId: instanceId,
        Filters: [{ Name: "DeviceCertificateSn", Values: deviceCertificateSns }],
        Limit: MAX_LISTED,
        Offset: 0,
        // The default order is undocumented.
        OrderBy: "CREATE_TIME_ASC",
      };
      const answer = await client.request("DescribeDeviceCertificates", parameters, signal);
      const { Data } = readAnswer(DeviceCertificateList, answer, origin);
      return readItems(DeviceCertificateItem, Data ?? []);
    },
  };
}
