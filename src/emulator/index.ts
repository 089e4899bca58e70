// The four cloud APIs over real HTTP, for development, the demo and tests; never part of the production image.
import { createAliyunGateway } from "./aliyun-gateway.ts";
import { ALIYUN_IOT_VERSION, createAliyunIotActions } from "./aliyun-iot.ts";
import { ALIYUN_MQTT_VERSION, createAliyunMqttActions } from "./aliyun-mqtt.ts";
import type { ApiName, Gateway } from "./api.ts";
import { type CallLog, createCallLog } from "./call-log.ts";
import { startControlServer } from "./control.ts";
import {
  createEmulatedCredentials,
  type EmulatedCredentials,
  listCredentialSecrets,
} from "./credentials.ts";
import { createDice } from "./determined.ts";
import type { Fault } from "./faults.ts";
import { createFleet, type Fleet, listCanaries } from "./fleet.ts";
import { createQuotas, NO_QUOTAS, type QuotaOptions } from "./quota-window.ts";
import { startApiServer } from "./server.ts";
import { createTencentGateway } from "./tencent-gateway.ts";
import {
  createTencentMqttActions,
  type FilterMeaning,
  TENCENT_MQTT_VERSION,
} from "./tencent-mqtt.ts";
import { createTencentSslActions, TENCENT_SSL_VERSION } from "./tencent-ssl.ts";

export type { ApiName } from "./api.ts";
export type { CallCounts, CallLog, LoggedCall } from "./call-log.ts";
export type { EmulatedCredential, EmulatedCredentials } from "./credentials.ts";
export type { Fault, FaultKind } from "./faults.ts";
export { createFleet, type Fleet, listCanaries } from "./fleet.ts";
export type { FilterMeaning } from "./tencent-mqtt.ts";

export interface EmulatorOptions {
  /** Certificates in each of the four products. Default 1000. */
  readonly fleetSize?: number;
  /** Fixes every certificate, id and secret. Default `emulator`. */
  readonly seed?: string;
  /** The day that validity periods are laid around. Default the start of today, UTC. */
  readonly now?: Date;
  /** By default, or with 0, any free port. */
  readonly ports?: Partial<Readonly<Record<ApiName | "control", number>>>;
  /** Network latency one way, and how far a passage may be from it. Default 0. */
  readonly latencyMs?: number;
  readonly jitterMs?: number;
  /** By default what the vendors document; `off` for none. */
  readonly quotas?: QuotaOptions | "off";
  /** Default `or`. */
  readonly filterMeaning?: FilterMeaning;
  /** The id of the IoT Platform instance; with one, calls must name it. By default there is none. */
  readonly iotInstanceId?: string;
  /** Milliseconds since 1970, for signatures and quotas. Default the clock of the machine. */
  readonly clock?: () => number;
}

export interface Emulator {
  readonly origins: {
    readonly tencent: { readonly mqtt: string; readonly ssl: string };
    readonly aliyun: { readonly iot: string; readonly mqtt: string };
  };
  /** Where faults are switched over HTTP. */
  readonly controlOrigin: string;
  readonly credentials: {
    readonly tencent: EmulatedCredentials;
    readonly aliyun: EmulatedCredentials;
  };
  readonly fleet: Fleet;
  readonly calls: CallLog;
  /** Switches the fault of one API; `null` ends it. */
  setFault(api: ApiName, fault: Fault | null): void;
  /** What several values in one filter of Tencent MQTT mean from now on. */
  setFilterMeaning(meaning: FilterMeaning): void;
  /** Every planted secret, those of the credentials included. */
  listCanaries(): string[];
  /** Ends every connection; nothing is left running. */
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;

/** Starts all four APIs and the control port on 127.0.0.1. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const {
    fleetSize = 1000,
    seed = "emulator",
    now = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS),
    ports = {},
    latencyMs = 0,
    jitterMs = 0,
    iotInstanceId,
    clock,
  } = options;
  const fleet = createFleet({ seed, size: fleetSize, now });
  const credentials = {
    tencent: createEmulatedCredentials(seed, "tencent"),
    aliyun: createEmulatedCredentials(seed, "aliyun"),
  };
  const quotas = options.quotas === "off" ? NO_QUOTAS : createQuotas(options.quotas);
  const calls = createCallLog();
  const faults: Record<ApiName, Fault | null> = {
    "tencent-mqtt": null,
    "tencent-ssl": null,
    "aliyun-iot": null,
    "aliyun-mqtt": null,
  };
  let filterMeaning = options.filterMeaning ?? "or";
  const setFault = (api: ApiName, fault: Fault | null) => {
    faults[api] = fault;
  };
  const setFilterMeaning = (meaning: FilterMeaning) => {
    filterMeaning = meaning;
  };

  const tencent = { credentials: credentials.tencent, quotas };
  const aliyun = { credentials: credentials.aliyun, quotas };
  const createNow = (api: ApiName) => () => {
    const fault = faults[api];
    return (clock ?? Date.now)() + (fault?.kind === "clock" ? fault.aheadMs : 0);
  };
  const start = (api: ApiName, gateway: Gateway) =>
    startApiServer({
      api,
      gateway,
      calls,
      port: ports[api] ?? 0,
      latencyMs,
      jitterMs,
      readFault: () => faults[api],
      dice: createDice(`${seed}/${api}`),
      wallClock: createNow(api),
      // Not the wall clock: that one may be set back, and a window must not grow by it.
      arrivalClock: clock ?? (() => performance.now()),
    });

  const servers = await startAll([
    () =>
      start(
        "tencent-mqtt",
        createTencentGateway({
          ...tencent,
          now: createNow("tencent-mqtt"),
          version: TENCENT_MQTT_VERSION,
          isRegionRequired: true,
          actions: createTencentMqttActions(fleet.tencentMqtt, () => filterMeaning),
        }),
      ),
    () =>
      start(
        "tencent-ssl",
        createTencentGateway({
          ...tencent,
          now: createNow("tencent-ssl"),
          version: TENCENT_SSL_VERSION,
          isRegionRequired: false,
          actions: createTencentSslActions(fleet.tencentSsl),
        }),
      ),
    () =>
      start(
        "aliyun-iot",
        createAliyunGateway({
          ...aliyun,
          now: createNow("aliyun-iot"),
          product: "Iot",
          version: ALIYUN_IOT_VERSION,
          isSourceLimited: false,
          actions: createAliyunIotActions(fleet.aliyunIot, iotInstanceId),
        }),
      ),
    () =>
      start(
        "aliyun-mqtt",
        createAliyunGateway({
          ...aliyun,
          now: createNow("aliyun-mqtt"),
          product: "OnsMqtt",
          version: ALIYUN_MQTT_VERSION,
          isSourceLimited: true,
          actions: createAliyunMqttActions(fleet.aliyunMqtt),
        }),
      ),
    () =>
      startControlServer({
        port: ports.control ?? 0,
        calls,
        fleet,
        readFaults: () => faults,
        setFault,
        setFilterMeaning,
      }),
  ]);
  const [mqtt = "", ssl = "", iot = "", onsMqtt = "", controlOrigin = ""] = servers.map(
    ({ origin }) => origin,
  );

  return {
    origins: { tencent: { mqtt, ssl }, aliyun: { iot, mqtt: onsMqtt } },
    controlOrigin,
    credentials,
    fleet,
    calls,
    setFault,
    setFilterMeaning,
    listCanaries: () => [
      ...listCanaries(fleet),
      ...listCredentialSecrets(credentials.tencent),
      ...listCredentialSecrets(credentials.aliyun),
    ],
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** Starts one after the other; when one cannot start, none stays. */
async function startAll<T extends { close(): Promise<void> }>(
  starts: readonly (() => Promise<T>)[],
): Promise<T[]> {
  const started: T[] = [];
  try {
    for (const start of starts) started.push(await start());
    return started;
  } catch (error) {
    await Promise.all(started.map((server) => server.close()));
    throw error;
  }
}
