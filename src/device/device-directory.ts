// Which certificates a device has, told from its id.
import type { ConnectedProduct } from "../device-certificate/certificate-id.ts";
import {
  createDevicePattern,
  type DevicePattern,
  type IdForm,
  type PatternTexts,
} from "./device-pattern.ts";

/** Knows the certificates of devices. */
export interface DeviceDirectory {
  /** In order; empty for a device that is not known. */
  findCertificateIds(deviceId: string): readonly string[];
}

export interface DirectoryOptions {
  readonly patterns: readonly PatternTexts[];
  readonly connected: readonly ConnectedProduct[];
}

export function createDeviceDirectory({ patterns, connected }: DirectoryOptions): DeviceDirectory {
  const forms = toIdForms(connected);
  const rules = patterns.map((texts) => createDevicePattern(texts, forms));
  return {
    findCertificateIds: (deviceId) => {
      const id = findFirst(rules, deviceId);
      return id === undefined ? [] : [id];
    },
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
