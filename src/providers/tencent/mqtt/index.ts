// Tencent Cloud TDMQ for MQTT: device certificates.
import type {
  CertificateProduct,
  CertificateReading,
  CertificateRequest,
} from "../../../device-certificate/product.ts";
import { createMismatchError, toNullWhenNotFound } from "../../answer.ts";
import { createBatchedSource } from "../../batched-source.ts";
import { createListingMemory } from "../../listing-memory.ts";
import { tencentCloud } from "../cloud.ts";
import { SHARING, TencentMqttDeviceCertificate } from "./certificate.ts";
import { createTencentMqttClient, type DeviceCertificateItem } from "./client.ts";
import { describeDeviceCertificate, describeDeviceCertificates, MAX_LISTED } from "./limits.ts";
import { type SnLetters, toCanonicalSn, toFacts, toSnLetters, toSnSpellings } from "./mapper.ts";

export const tencentMqtt: CertificateProduct = {
  prefix: "tencent-mqtt",
  cloud: tencentCloud,
  endpoint: { name: "mqtt", originOf: () => "https://mqtt.tencentcloudapi.com" },
  limits: [describeDeviceCertificate, describeDeviceCertificates],
  key: [
    {
      name: "InstanceId",
      argument: "instanceId",
      description: "The MQTT instance that the certificate is registered with.",
      isId: true,
    },
    {
      name: "DeviceCertificateSn",
      argument: "deviceCertificateSn",
      description:
        "Serial number of the certificate, hexadecimal, in any case and with or without leading zeros.",
      isId: false,
      pattern: { regExp: /^[0-9a-fA-F]{1,128}$/, expected: "a hexadecimal serial number" },
      canonical: toCanonicalSn,
    },
  ],
  certificateType: TencentMqttDeviceCertificate,
  rootField: {
    name: "tencentMqttDeviceCertificate",
    description:
      "A device certificate of Tencent Cloud TDMQ for MQTT; null when the cloud has no such certificate.",
  },
  detailFields: new Set(),
  sharing: SHARING,

  connect(connection) {
    const origin = { provider: tencentMqtt.prefix, connection: connection.name };
    const client = createTencentMqttClient(connection, origin);
    const single = connection.caller(describeDeviceCertificate);
    let letters: SnLetters = "unknown";

    return createBatchedSource<DeviceCertificateItem & { InstanceId: string }>({
      single,
      list: connection.caller(describeDeviceCertificates),
      memory: createListingMemory(origin, connection.log),
      maxValues: MAX_LISTED,
      groupOf: ({ key: [instanceId = ""] }) => instanceId,
      valuesOf: ({ key: [, sn = ""] }) => toSnSpellings(sn, letters),
      keyOf: ({ key: [, sn = ""] }) => toCanonicalSn(sn),
      keyOfItem: ({ DeviceCertificateSn }) =>
        DeviceCertificateSn === null ? null : toCanonicalSn(DeviceCertificateSn),
      sendList: async (instanceId, sns, signal) => {
        const items = await client.describeDeviceCertificates(instanceId, sns, signal);
        for (const item of items) learnLetters(item);
        return items
          .filter((item) => item.InstanceId === null || item.InstanceId === instanceId)
          .map((item) => ({ ...item, InstanceId: instanceId }));
      },
      toReading: (item) => toReading(item.InstanceId, item),
      fetchOne,
    });

    function learnLetters({ DeviceCertificateSn }: DeviceCertificateItem): void {
      const seen = toSnLetters(DeviceCertificateSn);
      if (seen !== "unknown") letters = seen;
    }

    /** Asks for each spelling in turn, because whether the cloud tells them apart is undocumented. */
    async function fetchOne(request: CertificateRequest): Promise<CertificateReading | null> {
      const [instanceId = "", asked = ""] = request.key;
      for (const sn of toSnSpellings(asked, letters)) {
        const item = await single
          .call((signal) => client.describeDeviceCertificate(instanceId, sn, signal), {
            tickets: [request.ticket],
          })
          .catch(toNullWhenNotFound);
        // An answer without a serial number is how the cloud may say that there is none.
        if (!item?.DeviceCertificateSn) continue;
        learnLetters(item);
        if (
          toCanonicalSn(item.DeviceCertificateSn) !== toCanonicalSn(asked) ||
          (item.InstanceId ?? instanceId) !== instanceId
        ) {
          throw createMismatchError(origin);
        }
        return toReading(instanceId, item);
      }
      return null;
    }
  },
};

function toReading(instanceId: string, item: DeviceCertificateItem): CertificateReading {
  return { facts: toFacts(instanceId, item), hasDetail: true };
}
