// Callers whom a gateway has checked: it proves itself with a token, and says in headers what the caller may.
import { createHash, timingSafeEqual } from "node:crypto";
import type { Config } from "../config/index.ts";
import { type Authenticate, toUnauthenticated } from "./authentication.ts";
import { countOf, readOnce } from "./request-head.ts";

const REFUSED = toUnauthenticated("Gateway-Token");
const MAX_SUBJECT_LENGTH = 256;

export function createGatewayAuthenticate({
  header,
  token,
  scopesHeader,
  subjectHeader,
}: Config["auth"]["gateway"]): Authenticate {
  const accepted = token.map((secret) => toDigest(secret.reveal()));

  return (head) => {
    const presented = readOnce(head, header);
    if (presented === undefined) return REFUSED;
    // Compared as digests, in a time that tells neither the length nor how much of it was right.
    const digest = toDigest(presented);
    const matches = accepted.map((expected) => timingSafeEqual(expected, digest));
    if (!matches.includes(true)) return REFUSED;
    // A second header of the name is somebody else's, which the gateway should have taken away.
    if (countOf(head, scopesHeader) > 1 || countOf(head, subjectHeader) > 1) return REFUSED;
    return {
      caller: {
        scopes: new Set(toWords(readOnce(head, scopesHeader) ?? "")),
        subject: readOnce(head, subjectHeader)?.slice(0, MAX_SUBJECT_LENGTH) || null,
      },
    };
  };
}

function toDigest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Separated by spaces or commas. */
function toWords(list: string): string[] {
  return list.split(/[\s,]+/).filter(Boolean);
}
