// Calls of Alibaba Cloud's RPC APIs: parameters in the query of a POST, signed with ACS3-HMAC-SHA256.
// https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature
import { randomUUID } from "node:crypto";
import type { CallOrigin } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { CloudClock } from "../cloud-clock.ts";
import type { Credential, CredentialSource } from "../credentials.ts";
import { type AnswerReading, sendSigned, toJsonObject, toText } from "../signed-call.ts";
import type { HttpAnswer, HttpRequest, Transport } from "../transport.ts";
import type { VendorErrorRule } from "../vendor-errors.ts";
import { toAcs3Authorization, toAcs3Query } from "./signature.ts";

export interface AliyunClientOptions {
  readonly transport: Transport;
  readonly credentials: CredentialSource;
  readonly origin: CallOrigin;
  /** The API's version: `2020-04-20`. */
  readonly version: string;
  /** The product's own first. */
  readonly errorTables: readonly (readonly VendorErrorRule[])[];
  readonly log: Pick<Log, "debug" | "info" | "warn">;
  /** What the signatures say. */
  readonly clock: CloudClock;
}

export interface AliyunClient {
  /**
   * Resolves with the answer, not yet validated.
   * Rejects with a `CallError`; one whose credential was replaced meanwhile is retryable.
   */
  request(
    action: string,
    query: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<unknown>;
}

const EMPTY_BODY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

export function createAliyunClient(options: AliyunClientOptions): AliyunClient {
  const { transport, credentials, origin, version, errorTables, log, clock } = options;

  function toRequest(
    action: string,
    query: Readonly<Record<string, string>>,
    credential: Credential,
  ): HttpRequest {
    const { accessKeyId, accessKeySecret, securityToken } = credential;
    const signed = {
      host: transport.host,
      // The vendor's SDKs name the key in a header of its own when there is a token.
      ...(securityToken && { "x-acs-accesskey-id": accessKeyId }),
      "x-acs-action": action,
      "x-acs-content-sha256": EMPTY_BODY_SHA256,
      "x-acs-date": `${new Date(clock.now()).toISOString().slice(0, 19)}Z`,
      ...(securityToken && { "x-acs-security-token": securityToken.reveal() }),
      "x-acs-signature-nonce": randomUUID(),
      "x-acs-version": version,
    };
    const encodedQuery = toAcs3Query(query);
    return {
      method: "POST",
      path: encodedQuery === "" ? "/" : `/?${encodedQuery}`,
      headers: {
        ...signed,
        accept: "application/json",
        authorization: toAcs3Authorization({
          accessKeyId,
          accessKeySecret: accessKeySecret.reveal(),
          method: "POST",
          path: "/",
          query,
          // Written above in the order of their names.
          headers: Object.entries(signed),
          bodySha256: EMPTY_BODY_SHA256,
        }),
      },
    };
  }

  return {
    request(action, query, signal) {
      return sendSigned(
        {
          call: { origin, action, errorTables, log },
          transport,
          credentials,
          clock,
          toRequest: (credential) => toRequest(action, query, credential),
          readAnswer,
        },
        signal,
      );
    },
  };
}

/**
 * Refusals come in three shapes: IoT's business errors are HTTP 200 with `Success: false` and `ErrorMessage`,
 * those of the gateway and of ApsaraMQ are HTTP 4xx or 5xx with `Message`; a gateway may write them in XML.
 */
function readAnswer({ status, headers, body }: HttpAnswer): AnswerReading {
  const retryAfterMs = toPositive(headers["x-acs-retry-after"]);
  const answer = toJsonObject(body) ?? toXmlError(status, body);
  if (!answer) {
    if (retryAfterMs === undefined) return undefined;
    return { refusal: { status, code: undefined, requestId: undefined, retryAfterMs } };
  }
  const code = toText(answer["Code"] ?? answer["code"]);
  const isRefused = status === 200 ? isRefusal(answer["Success"], code) : true;
  if (!isRefused) return { content: answer };
  const saysNo = status === 200 && answer["Success"] === false;
  if (code === undefined && retryAfterMs === undefined && !saysNo) return undefined;
  const requestId = toText(answer["RequestId"] ?? answer["requestId"]);
  const text = toText(answer["ErrorMessage"] ?? answer["Message"] ?? answer["message"]);
  return { refusal: { status, code, requestId, text, retryAfterMs } };
}

/** ApsaraMQ has no `Success`; IoT's successes may have an empty `Code`. */
function isRefusal(success: unknown, code: string | undefined): boolean {
  if (success === undefined || success === null) return code !== undefined && code !== "";
  return success !== true;
}

function toXmlError(status: number, body: string): Record<string, unknown> | undefined {
  const code = /<Code>([^<]*)<\/Code>/.exec(body)?.[1];
  if (status < 400 || code === undefined) return undefined;
  return { Code: code, RequestId: /<RequestId>([^<]*)<\/RequestId>/.exec(body)?.[1] };
}

/** Milliseconds, as the vendor's SDKs read the header. */
function toPositive(header: string | undefined): number | undefined {
  const value = Number(header);
  return value > 0 && Number.isFinite(value) ? value : undefined;
}
