// Which certificates a device has, told from its id.
import type { CertificateCatalog, ConnectedProduct } from "../device-certificate/certificate-id.ts";
import type { Log } from "../log.ts";
import {
  createDevicePattern,
  type DevicePattern,
  type IdForm,
  type PatternTexts,
} from "./device-pattern.ts";
import { type DirectoryFileUse, openDirectoryFile } from "./directory-file.ts";

/** Knows the certificates of devices. */
export interface DeviceDirectory {
  /** In order; empty for a device that is not known. */
  findCertificateIds(deviceId: string): readonly string[];
}

export interface DirectoryOptions {
  /** The section `join` of the configuration. */
  readonly join: {
    readonly source: "directory" | "external";
    readonly directory: {
      readonly patterns: readonly PatternTexts[];
      /** The path of a file with device and certificate ids. */
      readonly file?: string | undefined;
    };
  };
  readonly catalog: CertificateCatalog;
  readonly log: Log;
}

export interface OpenDirectory extends DeviceDirectory {
  /** `undefined` where there is no file. */
  readonly readFileUse?: (() => DirectoryFileUse) | undefined;
  close(): Promise<void>;
}

/** The file says it first; the patterns are for devices that it does not name. */
export async function openDeviceDirectory({
  join,
  catalog,
  log,
}: DirectoryOptions): Promise<OpenDirectory> {
  if (join.source === "external") return { findCertificateIds: () => [], close: async () => {} };
  const { patterns, file: path } = join.directory;
  const forms = toIdForms(catalog.connected);
  const rules = patterns.map((texts) => createDevicePattern(texts, forms));
  const checkCertificateId = (id: string) => void catalog.resolveId(id);
  const file = path ? await openDirectoryFile({ path, checkCertificateId, log }) : undefined;
  return {
    findCertificateIds: (deviceId) => {
      const listed = file?.find(deviceId) ?? [];
      if (listed.length > 0) return listed;
      const id = findFirst(rules, deviceId);
      return id === undefined ? [] : [id];
    },
    readFileUse: file?.readUse,
    close: async () => file?.close(),
  };
}

function findFirst(rules: readonly DevicePattern[], deviceId: string): string | undefined {
  for (const rule of rules) {
    const id = rule(deviceId);
    if (id !== undefined) return id;
  }
  return undefined;
}

function toIdForms(connected: readonly ConnectedProduct[]): IdForm[] {
  const byProduct = Map.groupBy(connected, ({ product }) => product);
  return Array.from(byProduct, ([{ prefix, key }, entries]) => ({
    prefix,
    key,
    connections: entries.map(({ connection }) => connection),
  }));
}
