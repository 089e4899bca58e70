// Tencent TDMQ for MQTT, version 2024-05-16: the single call and the list call for device certificates.
// https://cloud.tencent.com/document/api/1778/113748 and https://cloud.tencent.com/document/api/1778/113647
import { z } from "zod";
import { CloudRefusal } from "./api.ts";
import type { FleetProduct } from "./fleet-product.ts";
import {
  TENCENT_MQTT_INSTANCES,
  type TencentMqttCertificate,
  toCanonicalSerialNumber,
} from "./fleet-tencent-mqtt.ts";
import { defineTencentAction, type TencentAction } from "./tencent-gateway.ts";

export const TENCENT_MQTT_VERSION = "2024-05-16";

/**
 * What several values of one filter mean, which the vendor does not document:
 * `or` any of them matches, `first` only the first counts, `refuse` the call is refused.
 */
export type FilterMeaning = "or" | "first" | "refuse";

export const FILTER_MEANINGS = [
  "or",
  "first",
  "refuse",
] as const satisfies readonly FilterMeaning[];

const FILTER_NAMES = [
  "ClientId",
  "CaSn",
  "DeviceCertificateSn",
  "DeviceCertificateCn",
  "OrganizationalUnit",
  "NotAfterEnd",
  "NotAfterStart",
  "Status",
] as const;
type FilterName = (typeof FILTER_NAMES)[number];

const SINGLE_PARAMETERS = z.strictObject({
  InstanceId: z.string(),
  DeviceCertificateSn: z.string(),
});

const LIST_PARAMETERS = z.strictObject({
  InstanceId: z.string(),
  Filters: z
    .array(z.strictObject({ Name: z.enum(FILTER_NAMES), Values: z.array(z.string()).min(1) }))
    .default([]),
  Limit: z.int().min(1).max(100).default(20),
  Offset: z.int().min(0).default(0),
  OrderBy: z
    .enum(["CREATE_TIME_DESC", "CREATE_TIME_ASC", "UPDATE_TIME_DESC", "UPDATE_TIME_ASC"])
    .default("CREATE_TIME_DESC"),
});

/** The actions over a fleet; `readFilterMeaning` is asked at each call. */
export function createTencentMqttActions(
  fleet: FleetProduct<TencentMqttCertificate>,
  readFilterMeaning: () => FilterMeaning,
): Readonly<Record<string, TencentAction>> {
  return {
    DescribeDeviceCertificate: defineTencentAction(
      SINGLE_PARAMETERS,
      ({ InstanceId, DeviceCertificateSn }) => {
        requireInstance(InstanceId);
        const certificate = fleet.find(InstanceId, DeviceCertificateSn);
        if (certificate === undefined) {
          throw new CloudRefusal("ResourceNotFound.Certificate", "The certificate does not exist.");
        }
        return { ...certificate.toItem() };
      },
    ),
    DescribeDeviceCertificates: defineTencentAction(LIST_PARAMETERS, (parameters) => {
      requireInstance(parameters.InstanceId);
      const tests = parameters.Filters.map(({ Name, Values }) =>
        toFilterTest(Name, toCountingValues(Values, readFilterMeaning())),
      );
      const found = fleet
        .all()
        .filter(({ instanceId }) => instanceId === parameters.InstanceId)
        .filter((certificate) => tests.every((passes) => passes(certificate)))
        .sort(toOrder(parameters.OrderBy));
      return {
        TotalCount: found.length,
        Data: found
          .slice(parameters.Offset, parameters.Offset + parameters.Limit)
          .map((certificate) => certificate.toItem()),
      };
    }),
  };
}

function requireInstance(instanceId: string): void {
  if (!TENCENT_MQTT_INSTANCES.some((known) => known === instanceId)) {
    throw new CloudRefusal("ResourceNotFound.Instance", "The instance does not exist.");
  }
}

function toCountingValues(values: readonly string[], meaning: FilterMeaning): readonly string[] {
  if (values.length === 1 || meaning === "or") return values;
  if (meaning === "first") return values.slice(0, 1);
  throw new CloudRefusal("InvalidParameterValue", "A filter takes one value.");
}

function toFilterTest(
  name: FilterName,
  values: readonly string[],
): (certificate: TencentMqttCertificate) => boolean {
  const wanted = new Set(values);
  switch (name) {
    case "DeviceCertificateSn": {
      const canonical = new Set(values.map(toCanonicalSerialNumber));
      return ({ serialNumber }) => canonical.has(toCanonicalSerialNumber(serialNumber));
    }
    case "ClientId":
      return ({ facts }) => facts.ClientId !== undefined && wanted.has(facts.ClientId);
    case "CaSn":
      return ({ facts }) => wanted.has(facts.CaSn);
    case "DeviceCertificateCn":
      return ({ facts }) => wanted.has(facts.DeviceCertificateCn);
    case "OrganizationalUnit":
      return ({ facts }) =>
        facts.OrganizationalUnit !== undefined && wanted.has(facts.OrganizationalUnit);
    case "Status":
      return ({ facts }) => wanted.has(facts.Status);
    case "NotAfterEnd":
      return ({ facts }) => values.some((value) => facts.NotAfterTime <= Number(value));
    case "NotAfterStart":
      return ({ facts }) => values.some((value) => facts.NotAfterTime >= Number(value));
  }
}

function toOrder(
  orderBy: z.output<typeof LIST_PARAMETERS>["OrderBy"],
): (left: TencentMqttCertificate, right: TencentMqttCertificate) => number {
  const sign = orderBy.endsWith("_ASC") ? 1 : -1;
  const timeOf = ({ facts }: TencentMqttCertificate) =>
    orderBy.startsWith("CREATE_TIME") ? facts.CreatedTime : facts.UpdateTime;
  return (left, right) => sign * (timeOf(left) - timeOf(right) || left.index - right.index);
}
