// The emulated devices of Alibaba Cloud: IoT Platform certificates with private keys, ApsaraMQ credentials with secrets.
import {
  type CertificateAuthority,
  createCertificateAuthority,
  toBareBase64,
} from "./certificates.ts";
import { pickFrom, toCanary, toDeterminedBytes, toDeterminedText } from "./determined.ts";
import {
  createFleetProduct,
  type ExpectedStatus,
  type FleetCertificate,
  type FleetOptions,
  type FleetProduct,
  toCertificateId,
} from "./fleet-product.ts";
import { planX509, toDeviceNumber, type Validity, type X509Facts } from "./fleet-x509.ts";

/** `DeviceCertInfo` of QueryDeviceCert. */
export interface AliyunIotItem {
  readonly Status: number;
  readonly Certificate?: string;
  readonly PrivateKey?: string;
  readonly CertSN?: string;
}

/** How the certificate stands in the answer; which of them the cloud uses is not documented. */
export type AliyunIotEncoding = "pem" | "bareBase64" | "pemChain" | "pemWithCrLf";

export interface AliyunIotCertificate extends FleetCertificate {
  readonly productKey: string;
  readonly deviceName: string;
  /** 0 being generated, 1 failed, 2 ready. */
  readonly status: number;
  readonly certSn: string;
  /** `null` unless it is ready. */
  readonly x509: X509Facts | null;
  readonly encoding: AliyunIotEncoding;
  toItem(): AliyunIotItem;
}

/** `DeviceCredential` of GetDeviceCredential. */
export interface AliyunMqttItem {
  readonly InstanceId: string;
  readonly ClientId: string;
  readonly DeviceAccessKeyId: string;
  readonly DeviceAccessKeySecret: string;
  readonly CreateTime: number;
  readonly UpdateTime: number;
}

export interface AliyunMqttCredential extends FleetCertificate {
  readonly instanceId: string;
  readonly clientId: string;
  readonly item: AliyunMqttItem;
}

export const ALIYUN_IOT_PRODUCT_KEYS = ["a1emulX509A", "a1emulX509B"] as const;
export const ALIYUN_MQTT_INSTANCES = ["post-cn-emul00001", "mqtt-cn-emul00002"] as const;

const DAY_MS = 86_400_000;
const LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

interface Scene {
  readonly status: 0 | 1 | 2;
  readonly validity: Validity;
  readonly expectedStatus: ExpectedStatus;
}

const READY: Scene = { status: 2, validity: "valid", expectedStatus: "ACTIVE" };

const SCENES: readonly [Scene, ...Scene[]] = [
  READY,
  READY,
  { status: 2, validity: "expiringSoon", expectedStatus: "ACTIVE" },
  { status: 2, validity: "longLived", expectedStatus: "ACTIVE" },
  { status: 2, validity: "expired", expectedStatus: "EXPIRED" },
  READY,
  { status: 0, validity: "valid", expectedStatus: "PENDING" },
  READY,
  { status: 2, validity: "notYetValid", expectedStatus: "ACTIVE" },
  READY,
  { status: 1, validity: "valid", expectedStatus: "FAILED" },
  READY,
  READY,
];

const ENCODINGS = [
  "pem",
  "bareBase64",
  "pem",
  "pemChain",
  "bareBase64",
  "pemWithCrLf",
] as const satisfies readonly AliyunIotEncoding[];

export function createAliyunIotFleet(options: FleetOptions): FleetProduct<AliyunIotCertificate> {
  const authority = createCertificateAuthority({
    seed: options.seed,
    subject: [
      ["C", "CN"],
      ["O", "Emulated IoT Platform"],
      ["OU", "www.example.com"],
      ["CN", "Emulated IoT Platform Device CA"],
    ],
    notBefore: new Date(options.now.getTime() - 1000 * DAY_MS),
    notAfter: new Date(options.now.getTime() + 9000 * DAY_MS),
  });
  return createFleetProduct({
    prefix: "aliyun-iot",
    size: options.size,
    toKey: toIotKey,
    create: (index) => createIotCertificate(options, authority, index),
  });
}

export function createAliyunMqttFleet(options: FleetOptions): FleetProduct<AliyunMqttCredential> {
  return createFleetProduct({
    prefix: "aliyun-mqtt",
    size: options.size,
    toKey: toMqttKey,
    create: (index) => createMqttCredential(options, index),
  });
}

function createIotCertificate(
  { seed, now }: FleetOptions,
  authority: CertificateAuthority,
  index: number,
): AliyunIotCertificate {
  const scene = pickFrom(SCENES, index);
  const key = toIotKey(index);
  const [productKey, deviceName] = key;
  const certSn = toCertSn(seed, index);
  const encoding = pickFrom(ENCODINGS, index);
  const x509 =
    scene.status === 2
      ? planX509({
          index,
          now,
          authority,
          serialNumber: BigInt(certSn),
          validity: scene.validity,
        })
      : null;
  const canary = toCanary(seed, "aliyun-iot private key", index);
  return {
    index,
    id: toCertificateId("aliyun-iot", key),
    key,
    expectedStatus: scene.expectedStatus,
    canaries: x509 === null ? [] : [canary],
    productKey,
    deviceName,
    status: scene.status,
    certSn,
    x509,
    encoding,
    toItem: () => {
      if (x509 === null) {
        return index % 2 === 0
          ? { Status: scene.status, Certificate: "", PrivateKey: "", CertSN: "" }
          : { Status: scene.status };
      }
      return {
        Status: scene.status,
        Certificate: toCertificateText(x509, encoding),
        PrivateKey: `-----BEGIN RSA PRIVATE KEY-----\n${canary}\n-----END RSA PRIVATE KEY-----\n`,
        CertSN: certSn,
      };
    },
  };
}

function toIotKey(index: number): readonly [productKey: string, deviceName: string] {
  const number = toDeviceNumber(index);
  // Device names may hold `-`, `_`, `@`, `.` and `:`, and the last has to be escaped in ids.
  const deviceName = index % 7 === 6 ? `line:2@hall.b_${number}` : `sensor-${number}`;
  return [pickFrom(ALIYUN_IOT_PRODUCT_KEYS, index), deviceName];
}

function toCertificateText(
  { certificate, authority }: X509Facts,
  encoding: AliyunIotEncoding,
): string {
  switch (encoding) {
    case "pem":
      return certificate.pem;
    case "bareBase64":
      return toBareBase64(certificate);
    case "pemChain":
      return certificate.pem + authority.certificate.pem;
    case "pemWithCrLf":
      return certificate.pem.replaceAll("\n", "\r\n");
  }
}

/** 16 digits, as in the documentation's example. */
function toCertSn(seed: string, index: number): string {
  const number = toDeterminedBytes("aliyun-iot serial number", seed, index).readBigUInt64BE(0);
  return String(10n ** 15n + (number % (9n * 10n ** 15n)));
}

function createMqttCredential({ seed, now }: FleetOptions, index: number): AliyunMqttCredential {
  const key = toMqttKey(index);
  const [instanceId, clientId] = key;
  const secret = toCanary(seed, "aliyun-mqtt device access key secret", index);
  const created = now.getTime() - (1 + ((index * 37) % 400)) * DAY_MS + (index % 1000);
  return {
    index,
    id: toCertificateId("aliyun-mqtt", key),
    key,
    expectedStatus: "ACTIVE",
    canaries: [secret],
    instanceId,
    clientId,
    item: {
      InstanceId: instanceId,
      ClientId: clientId,
      DeviceAccessKeyId: `DC.${toDeterminedText(LETTERS_AND_DIGITS, 24, "device access key", seed, index)}`,
      DeviceAccessKeySecret: secret,
      CreateTime: created,
      UpdateTime: created + ((index * 13) % 20) * 3_600_000,
    },
  };
}

function toMqttKey(index: number): readonly [instanceId: string, clientId: string] {
  return [pickFrom(ALIYUN_MQTT_INSTANCES, index), toClientId(index)];
}

/** `<group>@@@<device>`; some with what queries, signatures and ids must escape. */
function toClientId(index: number): string {
  const number = toDeviceNumber(index);
  switch (index % 9) {
    case 3:
      return `GID_emulated@@@line:2 ${number}`;
    case 5:
      return `GID_emulated@@@(50%+*'~!) ${number}`;
    case 7:
      return `GID_emulated@@@泵-${number}`;
    default:
      return `GID_emulated@@@device-${number}`;
  }
}
