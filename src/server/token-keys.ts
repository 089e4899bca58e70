// The public keys of an issuer, by which its tokens are checked: wherever they come from, and while they are replaced.
import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from "jose";

/** There are no keys, and none can be had at the moment. */
export class KeysUnavailableError extends Error {
  override readonly name = "KeysUnavailableError";
}

/** Keys that were published together. */
export interface KeySet {
  find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>;
}

/** Where the keys come from. */
export interface TokenKeySource {
  /** Rejects with a `KeysUnavailableError`. */
  current(): Promise<KeySet>;
  /** Others than these, which did not do; `undefined` where there are none. Rejects with a `KeysUnavailableError`. */
  replacementOf(keys: KeySet): Promise<KeySet | undefined>;
}

/** Tokens name their key: one without a name is found for any name where `findsNameless` says so. */
export function toKeySet(keys: JSONWebKeySet, findsNameless = false): KeySet {
  const all = createLocalJWKSet(keys);
  const nameless = createLocalJWKSet({ keys: keys.keys.filter(({ kid }) => kid === undefined) });
  return {
    find: async (header, token) => {
      try {
        return await all(header, token);
      } catch (error) {
        if (!findsNameless || !(error instanceof errors.JWKSNoMatchingKey)) throw error;
        const { kid: _, ...unnamed } = header;
        return await nameless(unnamed, token);
      }
    },
  };
}

/** Checks a token with the keys of now, and once more with those that replaced them. Rejects with what is wrong. */
export async function verifyToken(
  token: string,
  source: TokenKeySource,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  const keys = await source.current();
  try {
    return await verifyWith(keys, token, options);
  } catch (error) {
    if (!isAboutTheKey(error)) throw error;
    const replacement = await source.replacementOf(keys);
    if (replacement === undefined) throw error;
    return await verifyWith(replacement, token, options);
  }
}

/** An issuer may also put a new key in the place of the old one, under the same name. */
function isAboutTheKey(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWSSignatureVerificationFailed
  );
}

async function verifyWith(
  keys: KeySet,
  token: string,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys.find, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    // Keys without names: the signature tells which one it is.
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}
