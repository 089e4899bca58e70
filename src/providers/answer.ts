// Reads a cloud's JSON answer: only declared fields pass, and each must have its documented type or be absent.
import { z } from "zod";
import { type CallOrigin, ProviderError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { slices } from "../slices.ts";
import { CertificateNotFoundError } from "./vendor-errors.ts";

const RETRY_SOON_MS = 100;
/** Until somebody may have mended what the cloud holds. */
const RETRY_UNREADABLE_MS = 60_000;

// Fields that a certificate can do without are `null` where they are absent, `null`, or of a type that they should not
// have: one odd value must not cost the certificate. What it cannot do without is `required…`.

/** A text; numbers count, because clouds are not consistent. Absent and `null` are `null`. */
export const requiredText = z
  .union([z.string(), z.number().transform(String)])
  .nullish()
  .transform((value) => value ?? null);

/** A whole number, also written as a text. Absent and `null` are `null`. */
export const requiredInteger = z
  .union([
    z.int(),
    z
      .string()
      .regex(/^-?\d+$/)
      .transform(Number),
  ])
  .nullish()
  .transform((value) => value ?? null);

export const text = requiredText.catch(null);

export const integer = requiredInteger.catch(null);

/** A secret, out of reach from the moment it is read. Absent, `null` and empty are `null`. */
export const secretText = z
  .string()
  .nullish()
  .transform((value) => (value ? new Secret(value) : null));

export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? null)
  .catch(null);

/** A list of `item`; items that are none are left out. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z
    .array(z.unknown())
    .nullish()
    .transform((items) => items?.flatMap((one) => readItem(item, one)) ?? null)
    .catch(null);
}

/** An object with these fields; absent and `null` are `null`. Fields that are not named are dropped. */
export function requiredObject<Shape extends z.ZodRawShape>(shape: Shape) {
  return z
    .object(shape)
    .nullish()
    .transform((value) => value ?? null);
}

export function objectOf<Shape extends z.ZodRawShape>(shape: Shape) {
  return requiredObject(shape).catch(null);
}

/** Checks an answer against its schema; an answer of another shape is as good as none. */
export function readAnswer<Schema extends z.ZodType>(
  schema: Schema,
  answer: unknown,
  origin: CallOrigin,
): z.output<Schema> {
  const read = schema.safeParse(answer);
  if (read.success) return read.data;
  // Zod names paths and types, never the values that came.
  throw new ProviderError("PROVIDER_UNAVAILABLE", {
    origin,
    message: "The cloud's answer could not be read.",
    // The same answer would come again, and may cost money each time.
    isOfOneCertificate: true,
    retryAfterMs: RETRY_UNREADABLE_MS,
    cause: new Error(z.prettifyError(read.error)),
  });
}

/** The items of a list answer that can be read; others are left to single calls. */
export async function readItems<Schema extends z.ZodType>(
  schema: Schema,
  items: readonly unknown[],
): Promise<z.output<Schema>[]> {
  const read = await slices.map(items, (item) => readItem(schema, item));
  return read.flat();
}

/** None where it cannot be read. */
function readItem<Schema extends z.ZodType>(schema: Schema, item: unknown): z.output<Schema>[] {
  const read = schema.safeParse(item);
  return read.success ? [read.data] : [];
}

/** An answer about something else than what was asked for: never to be taken for it. */
export function createMismatchError(origin: CallOrigin): ProviderError {
  return new ProviderError("PROVIDER_UNAVAILABLE", {
    origin,
    message: "The cloud answered with another certificate than the one asked for.",
    isRetryable: true,
    retryAfterMs: RETRY_SOON_MS,
  });
}

/** For `catch`: that the cloud has no such certificate is an answer, not a failure. */
export function toNullWhenNotFound(error: unknown): null {
  if (error instanceof CertificateNotFoundError) return null;
  throw error;
}

/** Milliseconds since 1970; 0 means never, and so does what is beyond all dates. */
export function toDate(millis: number | null): Date | null {
  if (millis === null || millis === 0) return null;
  const date = new Date(millis);
  return Number.isNaN(date.getTime()) ? null : date;
}
