// The emulated fleet: device number n holds the n-th certificate of each of the four products.
import {
  type AliyunIotCertificate,
  type AliyunMqttCredential,
  createAliyunIotFleet,
  createAliyunMqttFleet,
} from "./fleet-aliyun.ts";
import type { FleetCertificate, FleetOptions, FleetProduct } from "./fleet-product.ts";
import { createTencentMqttFleet, type TencentMqttCertificate } from "./fleet-tencent-mqtt.ts";
import { createTencentSslFleet, type TencentSslCertificate } from "./fleet-tencent-ssl.ts";

export interface Fleet extends FleetOptions {
  readonly tencentMqtt: FleetProduct<TencentMqttCertificate>;
  readonly tencentSsl: FleetProduct<TencentSslCertificate>;
  readonly aliyunIot: FleetProduct<AliyunIotCertificate>;
  readonly aliyunMqtt: FleetProduct<AliyunMqttCredential>;
  /** The four products in the order of the list above. */
  readonly products: readonly FleetProduct<FleetCertificate>[];
}

/**
 * Describes `size` certificates in each of the four products.
 * Nothing is generated before it is asked for, and the same options give the same bytes.
 */
export function createFleet(options: FleetOptions): Fleet {
  const tencentMqtt = createTencentMqttFleet(options);
  const tencentSsl = createTencentSslFleet(options);
  const aliyunIot = createAliyunIotFleet(options);
  const aliyunMqtt = createAliyunMqttFleet(options);
  return {
    ...options,
    tencentMqtt,
    tencentSsl,
    aliyunIot,
    aliyunMqtt,
    products: [tencentMqtt, tencentSsl, aliyunIot, aliyunMqtt],
  };
}

/** Every secret of the fleet, for tests that search logs, answers and caches for leaks. */
export function listCanaries(fleet: Fleet): string[] {
  return fleet.products.flatMap((product) => product.all().flatMap(({ canaries }) => canaries));
}
