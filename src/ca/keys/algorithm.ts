import type { SignatureAlgorithm } from '#x509/signature-algorithm.ts';

/** Algorithms that an authority's own keys may have. No RSA (slow, large) and no P-521 (CVE-2024-13176). */
export const caKeyAlgorithms = ['ECDSA-P256', 'ECDSA-P384', 'Ed25519'] as const;
export type CaKeyAlgorithm = (typeof caKeyAlgorithms)[number];

interface CaKeyAlgorithmRow {
  /** What a certificate that is signed with such a key carries. */
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** WebCrypto parameters to generate or import such a key (Web Cryptography API §18.4). */
  readonly key: { readonly name: string; readonly namedCurve?: string };
  /** WebCrypto parameters to sign with it. */
  readonly signing: { readonly name: string; readonly hash?: string };
}

export const caKeyAlgorithm: Readonly<Record<CaKeyAlgorithm, CaKeyAlgorithmRow>> = {
  'ECDSA-P256': {
    signatureAlgorithm: 'ecdsa-with-SHA256',
    key: { name: 'ECDSA', namedCurve: 'P-256' },
    signing: { name: 'ECDSA', hash: 'SHA-256' },
  },
  'ECDSA-P384': {
    signatureAlgorithm: 'ecdsa-with-SHA384',
    key: { name: 'ECDSA', namedCurve: 'P-384' },
    signing: { name: 'ECDSA', hash: 'SHA-384' },
  },
  Ed25519: {
    signatureAlgorithm: 'Ed25519',
    key: { name: 'Ed25519' },
    signing: { name: 'Ed25519' },
  },
};

export function isCaKeyAlgorithm(name: string): name is CaKeyAlgorithm {
  return Object.hasOwn(caKeyAlgorithm, name);
}
