// The company's own device type, and what this subgraph adds to it. Its names come from the configuration.
import type { GraphQLResolveInfo } from "graphql";
import { type ClassType, Directive, Field, ID, Int, ObjectType } from "type-graphql";
import { type RequestContext, requireScopes } from "../context.ts";
import type { Loaded } from "../device-certificate/certificate.loader.ts";
import { checkEntityCount } from "../device-certificate/certificate.resolver.ts";
import { DeviceCertificate } from "../device-certificate/device-certificate.ts";
import {
  createBadRepresentation,
  type EntityType,
  type Representation,
  readField,
} from "../device-certificate/entities.ts";
import { collectFieldsBelow } from "../device-certificate/selected-fields.ts";
import { SCOPES } from "../scopes.ts";
import type { NowOrLater } from "../slices.ts";
import { DeviceCertificateAvailability, toAvailability } from "./availability.ts";

/** How the company's schema names its devices; the section `join` of the configuration. */
export interface DeviceNames {
  /** Default `Device`. */
  readonly typeName?: string;
  /** The field of its `@key`; default `id`. */
  readonly keyField?: string;
  /** Its GraphQL type; default `ID`. */
  readonly keyType?: KeyType;
  /** Where certificate ids come from: from here, or with `external` from the devices' own subgraph. Default `directory`. */
  readonly source?: "directory" | "external";
  /** The field of the devices' own subgraph that holds the ids; default `certificateIds`. */
  readonly external?: { readonly field?: string };
}

export type KeyType = "ID" | "String" | "Int";

/** The device type with its GraphQL class. */
export interface DeviceType extends EntityType {
  readonly type: ClassType<object>;
}

/** Longer texts are no keys. */
const MAX_KEY_LENGTH = 1024;

/** The type and its reader; made anew for each schema, because the names are data. */
export function createDeviceType(names: DeviceNames = {}): DeviceType {
  const { typeName = "Device", keyField = "id", keyType = "ID", source = "directory" } = names;
  const externalField = source === "external" ? (names.external?.field ?? "certificateIds") : null;
  const JoinedDevice = createDeviceClass({ typeName, keyField, keyType, externalField });
  return {
    typeName,
    type: JoinedDevice,
    createReader: (context, info) => {
      const reading = planReading(context, info);
      return (representation) => {
        const key = readKey(representation, keyField, keyType);
        const ids =
          externalField === null
            ? context.devices.findCertificateIds(String(key))
            : readIds(representation, externalField);
        return new JoinedDevice(key, ids, reading);
      };
    },
    certificateIdsOf: (entity) => (entity instanceof JoinedDevice ? entity.knownIds : []),
  };
}

/** What the devices of one `_entities` call have in common. */
interface Reading {
  /** Throws `FORBIDDEN` for a caller who may not even know whether there is a certificate. */
  checkCaller(): void;
  load(id: unknown, fields: ReadonlySet<string>): Promise<DeviceCertificate | null>;
  /** The same for many; what went wrong with one stands in its place. */
  loadMany(ids: readonly unknown[], fields: ReadonlySet<string>): NowOrLater<Loaded[]>;
  /** Throws `TOO_MANY_ENTITIES` when all devices together want more certificates than one answer may have. */
  claim(count: number): void;
  /** A device is delivered of which no certificate is known. */
  noteNone(): void;
  /** The fields that are wanted of `certificate`, under all its aliases. */
  readonly fieldsOfFirst: ReadonlySet<string>;
  /** The fields that are wanted of `certificates`. */
  readonly fieldsOfAll: ReadonlySet<string>;
}

/** For how long others may keep that a device has no certificate, in milliseconds: it may get one any time. */
const NONE_FRESH_MS = 60_000;
const NO_FIELDS: ReadonlySet<string> = new Set();

function planReading(context: RequestContext, info: GraphQLResolveInfo): Reading {
  const { caller, certificates, freshness, maxEntities } = context;
  const ofFirst = collectFieldsBelow(info, "certificate");
  const ofAll = collectFieldsBelow(info, "certificates");
  let claimed = 0;
  return {
    checkCaller: () => requireScopes(caller, [SCOPES.read]),
    load: (id, fields) => certificates.loadById(id, fields),
    loadMany: (ids, fields) => certificates.loadMany(ids, fields),
    claim: (count) => {
      checkEntityCount("certificates of all devices", claimed + count, maxEntities);
      claimed += count;
    },
    noteNone: () => freshness.restrict(performance.now() + NONE_FRESH_MS),
    fieldsOfFirst: ofFirst ?? ofAll ?? NO_FIELDS,
    fieldsOfAll: ofAll ?? NO_FIELDS,
  };
}

const KEY_TYPES = { ID, String, Int };

interface ClassNames extends Required<Pick<DeviceNames, "typeName" | "keyField" | "keyType">> {
  readonly externalField: string | null;
}

const deviceClasses = new WeakSet<object>();

/** Whether a class was made for the devices of a schema. */
export function isDeviceClass(type: object): boolean {
  return deviceClasses.has(type);
}

function createDeviceClass({ typeName, keyField, keyType, externalField }: ClassNames) {
  const NeedsIds: MethodDecorator & PropertyDecorator =
    externalField === null ? () => {} : Directive(`@requires(fields: "${externalField}")`);

  // What the company's own subgraph describes has no description here: a composer complains about two that differ.
  /** One device in one answer. */
  @Directive(`@key(fields: "${keyField}")`)
  @ObjectType(typeName)
  class JoinedDevice {
    @Field(() => KEY_TYPES[keyType], { name: keyField })
    readonly key: string | number;
    /** Never answered: what a representation claims is not echoed. */
    readonly externalIds = null;
    readonly __typename = typeName;
    readonly #ids: readonly unknown[];
    readonly #reading: Reading;
    #isClaimed = false;

    constructor(key: string | number, ids: readonly unknown[], reading: Reading) {
      if (ids.length === 0) reading.noteNone();
      this.key = key;
      this.#ids = ids;
      this.#reading = reading;
    }

    get knownIds(): readonly unknown[] {
      return this.#ids;
    }

    @Field(() => DeviceCertificate, {
      nullable: true,
      description:
        "The first of certificates; null when none is known or the cloud has no such certificate: certificateAvailability says which.",
    })
    @NeedsIds
    get certificate(): Promise<DeviceCertificate | null> | null {
      const { checkCaller, load, fieldsOfFirst } = this.#reading;
      checkCaller();
      if (this.#ids.length === 0) return null;
      return load(this.#ids[0], fieldsOfFirst);
    }

    @Field(() => [DeviceCertificate], {
      nullable: "itemsAndList",
      description:
        "All known certificates of the device, in order; empty when none is known, null where the cloud has no such certificate, an error of its own where it could not be read.",
    })
    @NeedsIds
    get certificates(): NowOrLater<Loaded[]> {
      const { checkCaller, loadMany, claim, fieldsOfAll } = this.#reading;
      checkCaller();
      // Asked for under two aliases, they are still the same certificates.
      if (!this.#isClaimed) claim(this.#ids.length);
      this.#isClaimed = true;
      return loadMany(this.#ids, fieldsOfAll);
    }

    @Field(() => DeviceCertificateAvailability, {
      description:
        "Never fails: tells a page what to show while certificate is null, also where a gateway hides errors.",
    })
    @NeedsIds
    get certificateAvailability():
      | Promise<DeviceCertificateAvailability>
      | DeviceCertificateAvailability {
      const { checkCaller, load, fieldsOfFirst } = this.#reading;
      try {
        checkCaller();
      } catch (error) {
        return toAvailability(error);
      }
      if (this.#ids.length === 0) return "NONE";
      // With the fields of certificate, so that both are one and the same answer.
      return load(this.#ids[0], fieldsOfFirst).then(
        (certificate) => (certificate === null ? "NOT_FOUND" : "AVAILABLE"),
        toAvailability,
      );
    }
  }
  if (externalField !== null) {
    Field(() => [ID], {
      name: externalField,
      nullable: true,
    })(JoinedDevice.prototype, "externalIds");
    Directive("@external")(JoinedDevice.prototype, "externalIds");
  }
  deviceClasses.add(JoinedDevice);
  return JoinedDevice;
}

const MAX_INT = 2 ** 31 - 1;

function readKey(representation: Representation, field: string, type: KeyType): string | number {
  const value = readField(representation, field);
  if (type === "Int") {
    if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= MAX_INT) {
      return value;
    }
    throw createBadRepresentation(`${field} to be a whole number`);
  }
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  if (typeof value !== "string" || value === "") {
    throw createBadRepresentation(`${field} to be a text that is not empty, or a whole number`);
  }
  if (value.length > MAX_KEY_LENGTH) {
    const length = `at most ${MAX_KEY_LENGTH} characters, got ${value.length}`;
    throw createBadRepresentation(`${field} to have ${length}`);
  }
  return value;
}

/** Whether each one is an id is found out where it is loaded, so that a bad one costs its own place. */
function readIds(representation: Representation, field: string): readonly unknown[] {
  const value = readField(representation, field);
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw createBadRepresentation(`${field} to be a list of certificate ids`);
}
