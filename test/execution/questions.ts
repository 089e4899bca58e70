// Questions of every kind, to be answered by both executors: good ones, and mistakes.
import { SCOPES } from "../../src/scopes.ts";
import { toAllProductsVariables } from "../support/all-products.ts";
import { readOperation } from "../support/operations.ts";
import { MAX_ENTITIES, type Scene } from "./scene.ts";

export interface Question {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
  /** By default all. */
  readonly scopes?: readonly string[];
}

export const LIST = "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id status } }";
const represent = (id: unknown, __typename: unknown = "DeviceCertificate") => ({ __typename, id });

const DEVICES = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on Device {
      id
      certificate { ...Certificate }
      certificates { ...Certificate ... on X509DeviceCertificate { subject } }
      certificateAvailability
    }
    ...Certificate
  }
}
fragment Certificate on DeviceCertificate { id status fetchedAt }`;

/** Devices with known, unknown and malformed certificates, and others between them. */
function toDevices({ ids }: Scene): unknown[] {
  const of = (...certificateIds: unknown[]) => represent(certificateIds.join(" "), "Device");
  return [
    of(ids[0], ids[1], ids[0]),
    of("unknown"),
    represent(ids[2]),
    of("malformed", ids[1], "tencent-ssl:default:nowhere"),
    of("tencent-ssl:default:nowhere"),
    represent("", "Device"),
    of(ids[3], "also:malformed"),
  ];
}

/** What some executor would take for code of its own. */
const CODE = "__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74dglobalThis.wasRun=true";

export const QUESTIONS: Readonly<Record<string, (scene: Scene) => Question>> = {
  "all products at once": (scene) => ({
    query: readOperation("all-products"),
    variables: toAllProductsVariables(scene.emulator, 3),
  }),
  "every field of a list": (scene) => ({
    query: readOperation("certificates", "every-field"),
    variables: { ids: scene.ids },
  }),
  "every field that is cheap": (scene) => ({
    query: readOperation("certificates", "every-field"),
    variables: { ids: scene.ids, detail: false },
  }),
  "every field of entities": (scene) => ({
    query: readOperation("entities", "every-field"),
    variables: { representations: scene.ids.map((id) => represent(id)), detail: true },
  }),
  "a root field among other operations": (scene) => ({
    query: readOperation("root-fields", "every-field"),
    operationName: "TencentSsl",
    variables: { certificateId: scene.emulator.fleet.tencentSsl.at(7).key[0] },
  }),
  "personal data": (scene) => ({
    query: readOperation("personal-data"),
    variables: { certificateId: scene.emulator.fleet.tencentSsl.at(7).key[0] },
  }),
  "personal data without the scope": (scene) => ({
    query: readOperation("personal-data"),
    variables: { certificateId: scene.emulator.fleet.tencentSsl.at(7).key[0] },
    scopes: [SCOPES.read],
  }),
  "personal data in a list, without the scope": (scene) => ({
    query: `query ($ids: [ID!]!) {
      deviceCertificates(ids: $ids) { id ... on TencentSslCertificate { submittedData { adminEmail } } }
    }`,
    variables: { ids: scene.ids },
    scopes: [SCOPES.read],
  }),
  "sealed fields": (scene) => ({
    query: readOperation("sealed-fields"),
    variables: { iot: scene.ids[2], mqtt: scene.ids[3], ssl: scene.ids[1], recipient: "{}" },
  }),
  "sealed fields without the scope": (scene) => ({
    query: readOperation("sealed-fields"),
    variables: { iot: scene.ids[2], mqtt: scene.ids[3], ssl: scene.ids[1], recipient: "{}" },
    scopes: [SCOPES.read],
  }),
  "what no cloud has, between what they have": (scene) => ({
    query: LIST,
    variables: { ids: [scene.ids[0], "tencent-ssl:default:nowhere", scene.ids[1], scene.ids[0]] },
  }),
  "malformed ids between good ones": (scene) => ({
    query: LIST,
    variables: {
      ids: ["", scene.ids[0], "tencent-ssl", "nobody:default:x", scene.ids[1], "a:b:c:d:e"],
    },
  }),
  "numbers as ids": (scene) => ({ query: LIST, variables: { ids: [1, scene.ids[0]] } }),
  "one id where a list is expected": (scene) => ({ query: LIST, variables: { ids: scene.ids[0] } }),
  "no ids": () => ({ query: LIST, variables: { ids: [] } }),
  "more ids than are allowed": (scene) => ({
    query: LIST,
    variables: { ids: Array.from({ length: MAX_ENTITIES + 1 }, () => scene.ids[0]) },
  }),
  "hostile representations": (scene) => ({
    query: `query ($representations: [_Any!]!) {
      _entities(representations: $representations) {
        __typename
        ... on DeviceCertificate { id status fetchedAt }
        ... on X509DeviceCertificate { subject pem }
      }
    }`,
    variables: {
      representations: [
        represent(scene.ids[0]),
        7,
        "text",
        [],
        {},
        represent(null),
        represent(scene.ids[0], "Query"),
        represent(scene.ids[1], "X509DeviceCertificate"),
        represent(scene.ids[3], "X509DeviceCertificate"),
        represent("tencent-ssl:default:nowhere"),
        represent({ id: scene.ids[0] }),
        represent(scene.ids[1], "constructor"),
        { ...represent(scene.ids[1]), subject: "forged", status: "FORGED" },
      ],
    },
  }),
  "an argument that is left out": (scene) => ({
    query: `query ($certificateId: ID!, $connection: String) {
      tencentSslCertificate(certificateId: $certificateId, connection: $connection) { id }
    }`,
    variables: { certificateId: scene.emulator.fleet.tencentSsl.at(7).key[0] },
  }),
  "an argument that is null": (scene) => ({
    query: `query ($certificateId: ID!, $connection: String) {
      tencentSslCertificate(certificateId: $certificateId, connection: $connection) { id }
    }`,
    variables: { certificateId: scene.emulator.fleet.tencentSsl.at(7).key[0], connection: null },
  }),
  "a connection that is not configured": () => ({
    query: `query ($certificateId: ID!, $connection: String = "nowhere") {
      tencentSslCertificate(certificateId: $certificateId, connection: $connection) { id }
    }`,
    variables: { certificateId: "x" },
  }),
  "aliases, fields twice, and fields in many fragments": (scene) => ({
    query: `query ($ids: [ID!]!, $id: ID!) {
      a: deviceCertificates(ids: $ids) { ...Names id other: id ...Names }
      b: deviceCertificates(ids: $ids) { ... on X509DeviceCertificate { ...Names notAfter } id }
      constructor: deviceCertificate(id: $id) { hasOwnProperty: id toString: status then: id }
      b: deviceCertificates(ids: $ids) { ... on TencentSslCertificate { extra { smCert } } }
      b: deviceCertificates(ids: $ids) { ... on TencentSslCertificate { extra { companyType } } }
    }
    fragment Names on DeviceCertificate { status provider ... on X509DeviceCertificate { commonName } }`,
    variables: { ids: scene.ids, id: scene.ids[0] },
  }),
  "a fragment under two conditions": (scene) => ({
    query: `query ($ids: [ID!]!, $yes: Boolean!, $no: Boolean = false) {
      a: deviceCertificates(ids: $ids) { ...Names @include(if: $no) ...Other }
      b: deviceCertificates(ids: $ids) { ...Names @include(if: $yes) ...Other @skip(if: $yes) }
      c: deviceCertificates(ids: $ids) @skip(if: $yes) { id }
      d: deviceCertificates(ids: $ids) { id @skip(if: $no) @include(if: $yes) status @include(if: false) }
    }
    fragment Names on DeviceCertificate { status ...Other }
    fragment Other on DeviceCertificate { connection providerStatus @include(if: $yes) }`,
    variables: { ids: scene.ids, yes: true },
  }),
  "nothing left by its conditions": (scene) => ({
    query: `query ($ids: [ID!]!, $no: Boolean!) {
      deviceCertificates(ids: $ids) { id @include(if: $no) }
      other: deviceCertificates(ids: $ids) @include(if: $no) { id }
    }`,
    variables: { ids: scene.ids, no: false },
  }),
  "devices with their certificates": (scene) => ({
    query: DEVICES,
    variables: { representations: toDevices(scene) },
  }),
  "devices without the scope": (scene) => ({
    query: DEVICES,
    variables: { representations: toDevices(scene).filter((_, index) => index !== 2) },
    scopes: [],
  }),
  quotas: () => ({ query: "{ providerQuotas { provider action circuit } }" }),
  "quotas without the scope": () => ({
    query: "{ providerQuotas { provider } }",
    scopes: [SCOPES.read],
  }),
  "names of types alone": (scene) => ({
    query: "query ($ids: [ID!]!) { __typename deviceCertificates(ids: $ids) { __typename } }",
    variables: { ids: scene.ids },
  }),
  "values in the text": (scene) => ({
    query: `{ deviceCertificates(ids: ["${scene.ids[0]}", "x"]) { id status } }`,
  }),
  "code in the text": () => ({ query: `{ deviceCertificate(id: "${CODE}") { id } }` }),
  "code in a default": () => ({
    query: `query ($ids: [ID!] = ["${CODE}"]) { deviceCertificates(ids: $ids) { id } }`,
  }),
  "representations in the text": (scene) => ({
    query: `query ($id: ID!) {
      _entities(representations: [{ __typename: "DeviceCertificate", id: $id, __proto__: 1 }]) {
        ... on DeviceCertificate { id }
      }
    }`,
    variables: { id: scene.ids[0] },
  }),
  "the key of a prototype as an alias": (scene) => ({
    query: `query ($id: ID!) { __proto__: deviceCertificate(id: $id) { id __proto__: status } }`,
    variables: { id: scene.ids[0] },
  }),
  "the schema": () => ({
    query: '{ __schema { queryType { name } } __type(name: "Query") { kind } }',
  }),
  "the subgraph's definition and certificates": (scene) => ({
    query: `query ($id: ID!) { __typename deviceCertificate(id: $id) { id } __type(name: "ID") { name } }`,
    variables: { id: scene.ids[0] },
  }),
  "variables that are missing": () => ({ query: LIST }),
  "variables of another type": () => ({ query: LIST, variables: { ids: [true] } }),
  "null among the variables": (scene) => ({
    query: LIST,
    variables: { ids: [scene.ids[0], null] },
  }),
  "a representation that is null": (scene) => ({
    query: `query ($representations: [_Any!]!) { _entities(representations: $representations) { __typename } }`,
    variables: { representations: [represent(scene.ids[0]), null] },
  }),
  "a condition that is not given": (scene) => ({
    query: `query ($id: ID!, $yes: Boolean!) { deviceCertificate(id: $id) { id @include(if: $yes) } }`,
    variables: { id: scene.ids[0] },
  }),
  "a condition that is a text": (scene) => ({
    query: `query ($id: ID!, $yes: Boolean!) { deviceCertificate(id: $id) { id @include(if: $yes) } }`,
    variables: { id: scene.ids[0], yes: "yes" },
  }),
  "an operation that is not there": () => ({
    query: `query A { __typename } query B { __typename }`,
    operationName: "C",
  }),
  "no scope at all": (scene) => ({
    query: readOperation("all-products"),
    variables: toAllProductsVariables(scene.emulator, 3),
    scopes: [],
  }),
  "too many representations": (scene) => ({
    query: readOperation("entities", "every-field"),
    variables: {
      representations: Array.from({ length: MAX_ENTITIES + 1 }, () => represent(scene.ids[0])),
    },
  }),
};
