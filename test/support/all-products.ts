// One question to all four products at once, through the list, the entities and each root field.
import type { ApiName, Emulator } from "../../src/emulator/index.ts";

export const APIS = [
  "tencent-mqtt",
  "tencent-ssl",
  "aliyun-iot",
  "aliyun-mqtt",
] as const satisfies readonly ApiName[];

export const ROOT_FIELD = {
  "tencent-mqtt": "tencentMqttDeviceCertificate",
  "tencent-ssl": "tencentSslCertificate",
  "aliyun-iot": "aliyunIotDeviceCertificate",
  "aliyun-mqtt": "aliyunMqttDeviceCredential",
} as const satisfies Record<ApiName, string>;

/** The variables of test/operations/all-products.graphql for the device with this number. */
export function toAllProductsVariables({ fleet }: Emulator, index: number, connection = "default") {
  const ids = fleet.products.map((product) =>
    product.at(index).id.replace(":default:", `:${connection}:`),
  );
  const [mqttInstanceId, deviceCertificateSn] = fleet.tencentMqtt.at(index).key;
  const [certificateId] = fleet.tencentSsl.at(index).key;
  const [productKey, deviceName] = fleet.aliyunIot.at(index).key;
  const [onsInstanceId, clientId] = fleet.aliyunMqtt.at(index).key;
  return {
    ids,
    representations: ids.map((id) => ({ __typename: "DeviceCertificate", id })),
    mqttInstanceId,
    deviceCertificateSn,
    certificateId,
    productKey,
    deviceName,
    onsInstanceId,
    clientId,
    connection,
  };
}
