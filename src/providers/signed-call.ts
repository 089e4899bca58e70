// One signed call to a cloud: credential, request, answer, and what each failure on that way becomes.
import { slices } from "../slices.ts";
import type { CloudClock } from "./cloud-clock.ts";
import { type Credential, type CredentialSource, isSameCredential } from "./credentials.ts";
import type { HttpAnswer, HttpRequest, Transport } from "./transport.ts";
import {
  findErrorRule,
  toCallError,
  toUnansweredError,
  toUnreadableAnswerError,
  toUnsignedError,
  type VendorCall,
  type VendorRefusal,
} from "./vendor-errors.ts";

/** What an answer says: its content, or why there is none; `undefined` when it cannot be read. */
export type AnswerReading =
  | { readonly content: unknown }
  | { readonly refusal: Omit<VendorRefusal, "credential"> }
  | undefined;

/** In characters: longer ones take a millisecond and more to read. */
const LARGE_ANSWER = 65_536;

export interface SignedCallOptions {
  readonly call: VendorCall;
  readonly transport: Transport;
  readonly credentials: CredentialSource;
  readonly clock: CloudClock;
  /** Signed with the time of the clock. */
  toRequest(credential: Credential): HttpRequest;
  readAnswer(answer: HttpAnswer): AnswerReading;
}

/** Makes the call once. Resolves with the answer's content, rejects with a `CallError`. */
export async function sendSigned(
  { call, transport, credentials, clock, toRequest, readAnswer }: SignedCallOptions,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const credential = await credentials.get().catch((error: unknown) => {
    throw toUnsignedError(call, error);
  });
  const signedAtMs = clock.now();
  const answer = await transport.send(toRequest(credential), signal).catch((error: unknown) => {
    throw toUnansweredError(call, error);
  });
  const { date } = answer.headers;
  clock.observe(date);
  // The answers of all list calls of a large question may come at one moment. Small ones do not wait for a turn: the
  // quota counts from when they are read.
  const isLarge = answer.body.length > LARGE_ANSWER;
  const [reading] = isLarge ? await slices.map([answer], readAnswer, 0) : [readAnswer(answer)];
  if (!reading) throw toUnreadableAnswerError(call, answer.status);
  if ("content" in reading) return reading.content;

  const refusal = { ...reading.refusal, credential };
  const rule = findErrorRule(call.errorTables, refusal.code ?? "");
  // Not made again here: a second attempt counts against the quota, which stands outside.
  const isMended =
    (rule?.denies === "key" && (await isRenewable(credentials, credential))) ||
    (rule?.denies === "clock" && clock.correct(date, signedAtMs));
  throw toCallError(call, refusal, isMended || undefined);
}

/** The JSON object that a body is; `undefined` for anything else. The parser's error is dropped: it quotes the body. */
export function toJsonObject(body: string): Record<string, unknown> | undefined {
  try {
    return toObject(JSON.parse(body));
  } catch {
    return undefined;
  }
}

export function toObject(value: unknown): Record<string, unknown> | undefined {
  return isObject(value) ? value : undefined;
}

export function toText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Whether the source has another credential than the refused one. */
async function isRenewable(source: CredentialSource, refused: Credential): Promise<boolean> {
  source.refresh(refused);
  try {
    return !isSameCredential(await source.get(), refused);
  } catch {
    return false;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
