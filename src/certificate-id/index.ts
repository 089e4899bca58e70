// Builds and reads certificate ids, for other subgraphs: this folder needs nothing outside of it.
// The server reads ids by the same functions; a test compares the products here with those that it serves.
import {
  CertificateIdError,
  checkSegment,
  createSegmentError,
  decodeSegment,
  joinSegments,
  readKey,
  type SegmentForm,
  splitSegments,
} from "./text.ts";

export { CertificateIdError };

/** A device certificate of Tencent Cloud TDMQ for MQTT. */
export interface TencentMqttCertificateId {
  readonly product: "tencent-mqtt";
  /** The name of a connection in the configuration of the certificates' subgraph. */
  readonly connection: string;
  readonly instanceId: string;
  /** Hexadecimal, in any case and with or without leading zeros. */
  readonly deviceCertificateSn: string;
}

/** A certificate of Tencent Cloud SSL Certificates. */
export interface TencentSslCertificateId {
  readonly product: "tencent-ssl";
  /** The name of a connection in the configuration of the certificates' subgraph. */
  readonly connection: string;
  readonly certificateId: string;
}

/** The certificate of a device of Alibaba Cloud IoT Platform. */
export interface AliyunIotCertificateId {
  readonly product: "aliyun-iot";
  /** The name of a connection in the configuration of the certificates' subgraph. */
  readonly connection: string;
  readonly productKey: string;
  readonly deviceName: string;
}

/** The access credential of a client of Alibaba Cloud ApsaraMQ for MQTT. */
export interface AliyunMqttCredentialId {
  readonly product: "aliyun-mqtt";
  /** The name of a connection in the configuration of the certificates' subgraph. */
  readonly connection: string;
  readonly instanceId: string;
  readonly clientId: string;
}

/** What an id says, by its product. */
export type CertificateIdParts =
  | TencentMqttCertificateId
  | TencentSslCertificateId
  | AliyunIotCertificateId
  | AliyunMqttCredentialId;

export type CertificateProductName = CertificateIdParts["product"];

/** The segments of each product's ids behind the connection. */
export const CERTIFICATE_ID_SEGMENTS: Readonly<
  Record<CertificateProductName, readonly SegmentForm[]>
> = {
  "tencent-mqtt": [
    { name: "InstanceId" },
    {
      name: "DeviceCertificateSn",
      pattern: { regExp: /^[0-9a-fA-F]{1,128}$/, expected: "a hexadecimal serial number" },
    },
  ],
  "tencent-ssl": [{ name: "CertificateId" }],
  "aliyun-iot": [{ name: "ProductKey" }, { name: "DeviceName" }],
  "aliyun-mqtt": [{ name: "InstanceId" }, { name: "ClientId" }],
};

const CONNECTION: SegmentForm = {
  name: "connection",
  pattern: {
    regExp: /^[A-Za-z0-9._-]{1,64}$/,
    expected: "1 to 64 letters, digits, dots, hyphens and underscores",
  },
};

type WithDefaultConnection<Id extends CertificateIdParts> = Omit<Id, "connection"> & {
  /** Default `default`. */
  readonly connection?: string;
};

/** What `formatCertificateId` takes. */
export type CertificateIdInput =
  | WithDefaultConnection<TencentMqttCertificateId>
  | WithDefaultConnection<TencentSslCertificateId>
  | WithDefaultConnection<AliyunIotCertificateId>
  | WithDefaultConnection<AliyunMqttCredentialId>;

/**
 * Writes a certificate id; values are escaped where they must be. Throws a `CertificateIdError` that names the
 * segment when a value cannot stand in an id.
 *
 *     formatCertificateId({ product: "aliyun-iot", productKey: "a1B2", deviceName: "pump-7" })
 *     // "aliyun-iot:default:a1B2:pump-7"
 */
export function formatCertificateId(parts: CertificateIdInput): string {
  const { product, connection = "default" } = parts;
  const forms = CERTIFICATE_ID_SEGMENTS[checkProduct(product)];
  const values = listValues(parts);
  const key = forms.map((form, index) => {
    const value: unknown = values[index];
    if (typeof value !== "string") throw createSegmentError(form.name, "is missing");
    return checkSegment(form, value);
  });
  return joinSegments(product, checkSegment(CONNECTION, connection), key);
}

/**
 * Reads a certificate id. Throws a `CertificateIdError` that names the segment when it is none. Whether the connection
 * is configured, and whether the cloud has such a certificate, only the certificates' subgraph can tell.
 */
export function parseCertificateId(id: string): CertificateIdParts {
  const [name, rawConnection, ...rawKey] = splitSegments(id);
  const product = checkProduct(name);
  if (rawConnection === undefined) throw createSegmentError("connection", "is missing");
  const connection = checkSegment(CONNECTION, decodeSegment("connection", rawConnection));
  const [first = "", second = ""] = readKey(CERTIFICATE_ID_SEGMENTS[product], rawKey);
  switch (product) {
    case "tencent-mqtt":
      return { product, connection, instanceId: first, deviceCertificateSn: second };
    case "tencent-ssl":
      return { product, connection, certificateId: first };
    case "aliyun-iot":
      return { product, connection, productKey: first, deviceName: second };
    case "aliyun-mqtt":
      return { product, connection, instanceId: first, clientId: second };
  }
}

function listValues(parts: CertificateIdInput): readonly string[] {
  switch (parts.product) {
    case "tencent-mqtt":
      return [parts.instanceId, parts.deviceCertificateSn];
    case "tencent-ssl":
      return [parts.certificateId];
    case "aliyun-iot":
      return [parts.productKey, parts.deviceName];
    case "aliyun-mqtt":
      return [parts.instanceId, parts.clientId];
  }
}

function checkProduct(name: string): CertificateProductName {
  if (isProduct(name)) return name;
  const known = Object.keys(CERTIFICATE_ID_SEGMENTS).join(", ");
  throw createSegmentError("product", `expected one of ${known}`, name);
}

function isProduct(name: string): name is CertificateProductName {
  return Object.hasOwn(CERTIFICATE_ID_SEGMENTS, name);
}
