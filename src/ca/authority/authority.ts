import type { AuthorityTimestamps } from '#ca/authority/phase.ts';
import type { Certificate } from '#x509/certificate.ts';
import type { TrustDomain } from '#x509/spiffe-id.ts';

/** One generation of a root, as its Secret says: everything but the key. */
export interface Authority {
  /** SKI in hex. */
  readonly id: string;
  readonly generation: number;
  readonly secretName: string;
  readonly secretUid: string;
  /** Of the Secret as it was read: the precondition of the next transition. */
  readonly resourceVersion: string;
  readonly trustDomain: TrustDomain;
  readonly certificate: Certificate;
  /**
   * Seconds: the longest leaf lifetime that was ever in force while it could sign. Only grows, so that the end of a
   * drain can be computed from it; no leaf is signed that is to live longer.
   */
  readonly maxLeafLifetime: number;
  readonly timestamps: AuthorityTimestamps;
}

/** Name of the Secret of one generation. That it is fixed makes its creation the lock. */
export function authoritySecretName(certificateAuthority: string, generation: number): string {
  return `${certificateAuthority}-authority-${generation}`;
}
