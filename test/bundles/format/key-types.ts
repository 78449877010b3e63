import type { RootOptions } from '../support/roots.ts';

type Algorithm = NonNullable<RootOptions['algorithm']>;

const rsa = (modulusLength: number): Algorithm => ({
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength,
  publicExponent: Uint8Array.of(1, 0, 1),
});
const ec = (namedCurve: string): Algorithm => ({ name: 'ECDSA', namedCurve });

/** Every kind of key that the strict reader takes in a root. */
export const keyTypes: Readonly<Record<string, Algorithm>> = {
  'ECDSA-P256': ec('P-256'),
  'ECDSA-P384': ec('P-384'),
  'ECDSA-P521': ec('P-521'),
  Ed25519: { name: 'Ed25519' },
  'RSA-2048': rsa(2048),
  'RSA-3072': rsa(3072),
  'RSA-4096': rsa(4096),
};
