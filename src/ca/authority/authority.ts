import type { AuthorityTimestamps } from '#ca/authority/phase.ts';
import type { Certificate } from '#x509/certificate.ts';

/** One generation of a root, as its Secret says: everything but the key. */
export interface Authority {
  /** SKI in hex. */
  readonly id: string;
  readonly generation: number;
  readonly secretName: string;
  readonly secretUid: string;
  /** Of the Secret as it was read: the precondition of the next transition. */
  readonly resourceVersion: string;
  readonly certificate: Certificate;
  readonly timestamps: AuthorityTimestamps;
}

/** Name of the Secret of one generation. That it is fixed makes its creation the lock (design §3.3). */
export function authoritySecretName(certificateAuthority: string, generation: number): string {
  return `${certificateAuthority}-authority-${generation}`;
}
