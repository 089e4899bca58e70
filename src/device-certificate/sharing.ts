// Which facts of a certificate may leave this process, into the store that replicas share: an allow-list, checked by the compiler.
import type { CertificateBundle } from "./x509.ts";

/** A fact by its name: `true` may be stored, `false` must not; a structure says it of each of its own facts. */
export type SharedFacts = { readonly [name: string]: boolean | SharedFacts };

/** A decision on every single fact: one that is added and not decided on does not compile. */
export type SharedFactsOf<Facts> = {
  readonly [Name in keyof Facts]-?: DecisionOn<NonNullable<Facts[Name]>>;
};

type DecisionOn<Fact> =
  | false
  | (Fact extends string | number | boolean | Date | CertificateBundle
      ? true
      : Fact extends readonly (infer Item)[]
        ? DecisionOn<NonNullable<Item>>
        : SharedFactsOf<Fact>);

export interface Sharing {
  readonly facts: SharedFacts;
  /** The facts that are never stored, such as personal data. */
  readonly unshared: ReadonlySet<string>;
}

/** Takes the decisions on the facts of one product. */
export function toSharing<Facts>(decisions: SharedFactsOf<Facts>): Sharing {
  const facts: SharedFacts = { ...decisions };
  const unshared = Object.keys(facts).filter((name) => facts[name] === false);
  return { facts, unshared: new Set(unshared) };
}

/** The decisions on the facts that all certificates have. */
export const CERTIFICATE_SHARING = {
  reportedStatus: true,
  providerStatus: true,
  createdAt: true,
  updatedAt: true,
} as const;

/** The same for those that are X.509. A certificate is public by its nature; its key is not part of it. */
export const X509_SHARING = {
  ...CERTIFICATE_SHARING,
  bundle: true,
  reported: {
    serialNumber: true,
    commonName: true,
    organizationalUnit: true,
    subjectAltNames: true,
    notBefore: true,
    notAfter: true,
  },
} as const;
