import type { KeyObject } from 'node:crypto';
import type { CaKeyAlgorithm } from '#ca/keys/algorithm.ts';
import { makeCaCertificate } from '#ca/keys/ca-certificate.ts';
import { generateCaKey } from '#ca/keys/private-key.ts';
import type { Certificate } from '#x509/certificate.ts';
import type { TrustDomain } from '#x509/spiffe-id.ts';

export interface RootRequest {
  readonly trustDomain: TrustDomain;
  readonly algorithm: CaKeyAlgorithm;
  readonly serial: Buffer;
  /** Seconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A root that is not stored yet. */
export interface NewRoot {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

/** One new key and its self-signed certificate. */
export async function createRoot(request: RootRequest, crypto: Crypto): Promise<NewRoot> {
  const { privateKey, publicKey } = generateCaKey(request.algorithm);
  const certificate = await makeCaCertificate(
    {
      ...request,
      spki: publicKey.export({ type: 'spki', format: 'der' }),
      issuer: undefined,
      signingKey: privateKey,
      signingAlgorithm: request.algorithm,
    },
    crypto,
  );
  return { certificate, key: privateKey };
}
