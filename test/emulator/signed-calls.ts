// Calls to the emulator that are signed as the vendors document it, with every part open to be made wrong.
import { createHash, randomUUID } from "node:crypto";
import type { EmulatedCredential, Emulator } from "../../src/emulator/index.ts";
import { toAcs3Authorization, toAcs3Query } from "../../src/providers/aliyun/signature.ts";
import { toTc3Authorization } from "../../src/providers/tencent/signature.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface TencentCall {
  readonly api: "mqtt" | "ssl";
  readonly action: string;
  readonly parameters: object;
  readonly credential?: EmulatedCredential;
  readonly secretKey?: string;
  readonly token?: string;
  readonly version?: string;
  readonly nowMs?: number;
  /** Sent in place of the right ones, after signing; `undefined` leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Sent in place of the signed one. */
  readonly body?: string;
  /** Signed in place of the Host header. */
  readonly signedHost?: string;
  readonly service?: string;
  readonly signal?: AbortSignal;
}

/** What the vendor's envelope holds. */
export async function callTencent(
  emulator: Emulator,
  call: TencentCall,
): Promise<Record<string, unknown>> {
  const { body } = await sendTencent(emulator, call);
  return toObject(body["Response"]);
}

export async function sendTencent(emulator: Emulator, call: TencentCall): Promise<Answer> {
  const { api, credential = emulator.credentials.tencent.static, nowMs = Date.now() } = call;
  const origin = emulator.origins.tencent[api];
  const timestampSeconds = Math.floor(nowMs / 1000);
  const body = JSON.stringify(call.parameters);
  const token = call.token ?? credential.securityToken;
  const authorization = toTc3Authorization({
    secretId: credential.accessKeyId,
    secretKey: call.secretKey ?? credential.accessKeySecret,
    service: call.service ?? api,
    timestampSeconds,
    headers: [
      ["content-type", "application/json"],
      ["host", call.signedHost ?? new URL(origin).host],
      ["x-tc-action", call.action.toLowerCase()],
    ],
    body,
  });
  return send(`${origin}/`, call, call.body ?? body, {
    "content-type": "application/json",
    "x-tc-action": call.action,
    "x-tc-version": call.version ?? (api === "mqtt" ? "2024-05-16" : "2019-12-05"),
    "x-tc-timestamp": String(timestampSeconds),
    "x-tc-region": "ap-guangzhou",
    "x-tc-token": token,
    authorization,
    ...call.headers,
  });
}

export interface AliyunCall {
  readonly api: "iot" | "mqtt";
  readonly action: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly credential?: EmulatedCredential;
  readonly accessKeySecret?: string;
  /** `null` sends none. */
  readonly token?: string | null;
  readonly version?: string;
  readonly method?: string;
  readonly nowMs?: number;
  readonly date?: string;
  readonly nonce?: string;
  /** Sent in place of the right ones, after signing; `undefined` leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

export async function callAliyun(emulator: Emulator, call: AliyunCall): Promise<Answer> {
  const { api, credential = emulator.credentials.aliyun.static, nowMs = Date.now() } = call;
  const { method = "POST", nonce = randomUUID() } = call;
  const origin = emulator.origins.aliyun[api];
  const bodySha256 = createHash("sha256").update("").digest("hex");
  const token = call.token === undefined ? credential.securityToken : (call.token ?? undefined);
  const headers: Record<string, string> = {
    host: new URL(origin).host,
    "x-acs-action": call.action,
    "x-acs-content-sha256": bodySha256,
    "x-acs-date": call.date ?? new Date(nowMs).toISOString().replace(/\.\d+/, ""),
    ...(token !== undefined && { "x-acs-security-token": token }),
    "x-acs-signature-nonce": nonce,
    "x-acs-version": call.version ?? (api === "iot" ? "2018-01-20" : "2020-04-20"),
  };
  const authorization = toAcs3Authorization({
    accessKeyId: credential.accessKeyId,
    accessKeySecret: call.accessKeySecret ?? credential.accessKeySecret,
    method,
    path: "/",
    query: call.parameters,
    headers: Object.entries(headers),
    bodySha256,
  });
  const { host: _sentByFetch, ...sent } = headers;
  const url = `${origin}/?${toAcs3Query(call.parameters)}`;
  return send(url, { ...call, method }, undefined, { ...sent, authorization, ...call.headers });
}

/** The error of an answer of Tencent Cloud. */
export function toErrorCode(response: Record<string, unknown>): unknown {
  return toObject(response["Error"])["Code"];
}

function toObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {};
}

async function send(
  url: string,
  call: { readonly method?: string; readonly signal?: AbortSignal },
  body: string | undefined,
  headers: Readonly<Record<string, string | undefined>>,
): Promise<Answer> {
  const response = await fetch(url, {
    method: call.method ?? "POST",
    headers: Object.entries(headers).filter((header): header is [string, string] => {
      return header[1] !== undefined;
    }),
    ...(body !== undefined && { body }),
    ...(call.signal !== undefined && { signal: call.signal }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: toObject(await response.json()),
  };
}
