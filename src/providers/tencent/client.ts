// Calls of Tencent Cloud API 3.0: JSON over POST, signed with TC3-HMAC-SHA256.
// https://cloud.tencent.com/document/api/213/30654 (request), 41680 of product 400 (errors)
import type { CallOrigin } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { CloudClock } from "../cloud-clock.ts";
import type { Credential, CredentialSource } from "../credentials.ts";
import { type AnswerReading, sendSigned, toJsonObject, toObject, toText } from "../signed-call.ts";
import type { HttpAnswer, HttpRequest, Transport } from "../transport.ts";
import type { VendorErrorRule } from "../vendor-errors.ts";
import { toTc3Authorization } from "./signature.ts";

export interface TencentClientOptions {
  readonly transport: Transport;
  readonly credentials: CredentialSource;
  readonly origin: CallOrigin;
  /** The product's label in the signature's scope, whatever the endpoint is called. */
  readonly service: "mqtt" | "ssl";
  /** The API's version: `2024-05-16`. */
  readonly version: string;
  /** Left out of the request when empty. */
  readonly region: string;
  /** The product's own first. */
  readonly errorTables: readonly (readonly VendorErrorRule[])[];
  readonly log: Pick<Log, "debug" | "info" | "warn">;
  /** What the signatures say. */
  readonly clock: CloudClock;
}

export interface TencentClient {
  /**
   * Resolves with the content of `Response`, `RequestId` included, not yet validated.
   * Rejects with a `CallError`; one whose credential was replaced meanwhile is retryable.
   */
  request(action: string, parameters: object, signal?: AbortSignal): Promise<unknown>;
}

const CONTENT_TYPE = "application/json";

export function createTencentClient(options: TencentClientOptions): TencentClient {
  const { transport, credentials, origin, service, version, region, errorTables, log } = options;
  const { clock } = options;
  // The port is not signed, although the Host header has it: so does the vendor's SDK.
  const { hostname } = new URL(`http://${transport.host}`);

  function toRequest(action: string, body: string, credential: Credential): HttpRequest {
    const timestampSeconds = Math.floor(clock.now() / 1000);
    return {
      method: "POST",
      path: "/",
      headers: {
        host: transport.host,
        "content-type": CONTENT_TYPE,
        "x-tc-action": action,
        "x-tc-version": version,
        "x-tc-timestamp": String(timestampSeconds),
        ...(region !== "" && { "x-tc-region": region }),
        ...(credential.securityToken && { "x-tc-token": credential.securityToken.reveal() }),
        "x-tc-language": "en-US",
        authorization: toTc3Authorization({
          secretId: credential.accessKeyId,
          secretKey: credential.accessKeySecret.reveal(),
          service,
          timestampSeconds,
          headers: [
            ["content-type", CONTENT_TYPE],
            ["host", hostname],
          ],
          body,
        }),
      },
      body,
    };
  }

  return {
    request(action, parameters, signal) {
      const body = JSON.stringify(parameters);
      return sendSigned(
        {
          call: { origin, action, errorTables, log },
          transport,
          credentials,
          clock,
          toRequest: (credential) => toRequest(action, body, credential),
          readAnswer,
        },
        signal,
      );
    },
  };
}

/** Refusals come with HTTP 200 too; other statuses are those of the edge before the API. */
function readAnswer({ status, body }: HttpAnswer): AnswerReading {
  const response = toObject(toJsonObject(body)?.["Response"]);
  if (!response) return undefined;
  const error = toObject(response["Error"]);
  if (error) {
    const code = toText(error["Code"]);
    const requestId = toText(response["RequestId"]);
    return { refusal: { status, code, requestId, text: toText(error["Message"]) } };
  }
  return status === 200 ? { content: response } : undefined;
}
