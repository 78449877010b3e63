import type { webcrypto } from 'node:crypto';
import { type CaKeyAlgorithm, caKeyAlgorithm } from '#ca/keys/algorithm.ts';
import { makeCaCertificate } from '#ca/keys/ca-certificate.ts';
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

/** A root that is not stored yet. Whoever takes it zeroes the key once it is stored. */
export interface NewRoot {
  readonly certificate: Certificate;
  readonly privateKeyPkcs8: Buffer;
}

/** One new key and its self-signed certificate. */
export async function createRoot(request: RootRequest, crypto: Crypto): Promise<NewRoot> {
  const { algorithm } = request;
  const { privateKey, publicKey } = await generateKeyPair(algorithm, crypto);
  const certificate = await makeCaCertificate(
    {
      ...request,
      spki: Buffer.from(await crypto.subtle.exportKey('spki', publicKey)),
      subjectKey: publicKey,
      issuer: undefined,
      signingKey: privateKey,
      signingAlgorithm: algorithm,
    },
    crypto,
  );
  return { certificate, privateKeyPkcs8: Buffer.from(await crypto.subtle.exportKey('pkcs8', privateKey)) };
}

async function generateKeyPair(algorithm: CaKeyAlgorithm, crypto: Crypto): Promise<webcrypto.CryptoKeyPair> {
  const pair = await crypto.subtle.generateKey(caKeyAlgorithm[algorithm].key, true, ['sign', 'verify']);
  if (!('privateKey' in pair)) throw new TypeError(`${algorithm} did not generate a key pair`);
  return pair;
}
