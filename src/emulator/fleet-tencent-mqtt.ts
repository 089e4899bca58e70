// The emulated certificates of Tencent TDMQ for MQTT: four instances, every status, serial numbers as odd as the real ones.
import { type CertificateAuthority, createCertificateAuthority } from "./certificates.ts";
import { pickFrom, toDeterminedHex } from "./determined.ts";
import {
  createFleetProduct,
  type ExpectedStatus,
  type FleetCertificate,
  type FleetOptions,
  type FleetProduct,
  toCertificateId,
} from "./fleet-product.ts";
import { planX509, toDeviceNumber, type Validity, type X509Facts } from "./fleet-x509.ts";

/** One element of the answer of DescribeDeviceCertificates, and all of DescribeDeviceCertificate's. */
export interface TencentMqttItem {
  readonly CreatedTime: number;
  readonly UpdateTime: number;
  readonly NotBeforeTime: number;
  readonly NotAfterTime: number;
  readonly LastActivationTime: number;
  readonly LastInactivationTime: number;
  readonly Status: string;
  readonly CaSn: string;
  readonly DeviceCertificateSn: string;
  readonly DeviceCertificate: string;
  readonly DeviceCertificateCn: string;
  readonly OrganizationalUnit?: string;
  readonly Format: string;
  readonly ClientId?: string;
  readonly CertificateSource: string;
}

export interface TencentMqttCertificate extends FleetCertificate {
  readonly instanceId: string;
  /** As the cloud spells it: without its leading zero for one in nine. */
  readonly serialNumber: string;
  /** All 40 digits. */
  readonly fullSerialNumber: string;
  readonly status: string;
  readonly x509: X509Facts;
  /** Whether the cloud sends the issuing authority's certificate behind the leaf. */
  readonly isChain: boolean;
  /** The item without its PEM, which costs a signature. */
  readonly facts: Omit<TencentMqttItem, "DeviceCertificate">;
  toItem(): TencentMqttItem;
}

export const TENCENT_MQTT_INSTANCES = [
  "mqtt-emul0001",
  "mqtt-emul0002",
  "mqtt-emul0003",
  "mqtt-emul0004",
] as const;

const DAY_MS = 86_400_000;

interface Scene {
  readonly status: string;
  readonly validity: Validity;
  readonly expectedStatus: ExpectedStatus;
}

const ACTIVE: Scene = { status: "ACTIVE", validity: "valid", expectedStatus: "ACTIVE" };

/**
 * Mostly healthy, as fleets are; the status and the dates of some contradict each other.
 * An odd number of scenes, so that each of the four instances sees all of them.
 */
const SCENES: readonly [Scene, ...Scene[]] = [
  ACTIVE,
  { status: "ACTIVE", validity: "expiringSoon", expectedStatus: "ACTIVE" },
  ACTIVE,
  { status: "INACTIVE", validity: "valid", expectedStatus: "INACTIVE" },
  ACTIVE,
  { status: "REVOKED", validity: "valid", expectedStatus: "REVOKED" },
  { status: "ACTIVE", validity: "longLived", expectedStatus: "ACTIVE" },
  { status: "PENDING_ACTIVATION", validity: "notYetValid", expectedStatus: "PENDING" },
  ACTIVE,
  { status: "ACTIVE", validity: "expired", expectedStatus: "EXPIRED" },
  { status: "REVOKED", validity: "expired", expectedStatus: "REVOKED" },
  { status: "ACTIVE", validity: "notYetValid", expectedStatus: "ACTIVE" },
  { status: "INACTIVE", validity: "expired", expectedStatus: "EXPIRED" },
  ACTIVE,
  // The documentation names four statuses and does not say that there are no others.
  { status: "ARCHIVED", validity: "valid", expectedStatus: "UNKNOWN" },
];

export function createTencentMqttFleet(
  options: FleetOptions,
): FleetProduct<TencentMqttCertificate> {
  const authority = createCertificateAuthority({
    seed: options.seed,
    subject: [
      ["C", "CN"],
      ["O", "Example Devices"],
      ["CN", "Example Devices MQTT CA"],
    ],
    notBefore: new Date(options.now.getTime() - 1000 * DAY_MS),
    notAfter: new Date(options.now.getTime() + 9000 * DAY_MS),
  });
  return createFleetProduct({
    prefix: "tencent-mqtt",
    size: options.size,
    toKey: (index) => toKey(options.seed, index),
    create: (index) => createCertificate(options, authority, index),
    toCanonicalKey: ([instanceId = "", serialNumber = ""]) => [
      instanceId,
      toCanonicalSerialNumber(serialNumber),
    ],
  });
}

/** Serial numbers are compared without regard to case and leading zeros. */
export function toCanonicalSerialNumber(serialNumber: string): string {
  return serialNumber.toLowerCase().replace(/^0+(?=.)/, "");
}

function createCertificate(
  { seed, now }: FleetOptions,
  authority: CertificateAuthority,
  index: number,
): TencentMqttCertificate {
  const scene = pickFrom(SCENES, index);
  const key = toKey(seed, index);
  const [instanceId, serialNumber] = key;
  const fullSerialNumber = toFullSerialNumber(seed, index);
  const isChain = index % 5 === 4;
  const x509 = planX509({
    index,
    now,
    authority,
    serialNumber: BigInt(`0x${fullSerialNumber}`),
    validity: scene.validity,
  });
  const isPending = scene.status === "PENDING_ACTIVATION";
  const created = Math.min(x509.notBefore.getTime(), now.getTime() - 3 * DAY_MS) + (index % 1000);
  const facts = {
    CreatedTime: created,
    UpdateTime: created + DAY_MS,
    NotBeforeTime: x509.notBefore.getTime(),
    NotAfterTime: x509.notAfter.getTime(),
    LastActivationTime: isPending ? 0 : created + 1000,
    LastInactivationTime:
      scene.status === "INACTIVE" || scene.status === "REVOKED" ? created + DAY_MS : 0,
    Status: scene.status,
    CaSn: authority.serialNumber,
    DeviceCertificateSn: serialNumber,
    DeviceCertificateCn: x509.commonName,
    Format: "PEM",
    CertificateSource: index % 3 === 2 ? "JITP" : "API",
    // The API's metadata allows both to be absent, not null.
    ...(x509.organizationalUnit !== null && { OrganizationalUnit: x509.organizationalUnit }),
    ...(!isPending && { ClientId: `client-${toDeviceNumber(index)}` }),
  };
  return {
    index,
    id: toCertificateId("tencent-mqtt", key),
    key,
    expectedStatus: scene.expectedStatus,
    canaries: [],
    instanceId,
    serialNumber,
    fullSerialNumber,
    status: scene.status,
    x509,
    isChain,
    facts,
    toItem: () => ({
      ...facts,
      DeviceCertificate: isChain
        ? x509.certificate.pem + authority.certificate.pem
        : x509.certificate.pem,
    }),
  };
}

function toKey(seed: string, index: number): readonly [instanceId: string, serialNumber: string] {
  const digits = toFullSerialNumber(seed, index);
  return [pickFrom(TENCENT_MQTT_INSTANCES, index), index % 9 === 5 ? digits.slice(1) : digits];
}

/** 20 bytes of a positive number; one in three starts with a zero digit. */
function toFullSerialNumber(seed: string, index: number): string {
  const digits = toDeterminedHex(40, "tencent-mqtt serial number", seed, index);
  return index % 3 === 2 ? `0e${digits.slice(2)}` : `4b${digits.slice(2)}`;
}
