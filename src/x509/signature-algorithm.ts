import { type KeyObject, sign as signBytes, verify } from 'node:crypto';
import { X509Error } from '#x509/error.ts';
import type { KeyAlgorithm, PublicKey } from '#x509/public-key.ts';

export type SignatureAlgorithm =
  | 'ecdsa-with-SHA256'
  | 'ecdsa-with-SHA384'
  | 'ecdsa-with-SHA512'
  | 'Ed25519'
  | 'sha256WithRSAEncryption'
  | 'sha384WithRSAEncryption'
  | 'sha512WithRSAEncryption';

/** As node:crypto names them in `asymmetricKeyType`. */
type KeyFamily = 'ec' | 'ed25519' | 'rsa';

interface Scheme {
  readonly oid: string;
  /** DER AlgorithmIdentifier: without parameters for ECDSA and Ed25519, with NULL for RSA (RFC 5758, 8410, 4055). */
  readonly der: Buffer;
  /** Undefined where the algorithm hashes by itself. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | undefined;
  readonly family: KeyFamily;
}

const scheme = (oid: string, der: string, hash: Scheme['hash'], family: KeyFamily): Scheme => ({
  oid,
  der: Buffer.from(der, 'hex'),
  hash,
  family,
});

/** Every signature algorithm there is for this project. */
export const signatureAlgorithms: Readonly<Record<SignatureAlgorithm, Scheme>> = {
  'ecdsa-with-SHA256': scheme('1.2.840.10045.4.3.2', '300a06082a8648ce3d040302', 'sha256', 'ec'),
  'ecdsa-with-SHA384': scheme('1.2.840.10045.4.3.3', '300a06082a8648ce3d040303', 'sha384', 'ec'),
  'ecdsa-with-SHA512': scheme('1.2.840.10045.4.3.4', '300a06082a8648ce3d040304', 'sha512', 'ec'),
  Ed25519: scheme('1.3.101.112', '300506032b6570', undefined, 'ed25519'),
  sha256WithRSAEncryption: scheme('1.2.840.113549.1.1.11', '300d06092a864886f70d01010b0500', 'sha256', 'rsa'),
  sha384WithRSAEncryption: scheme('1.2.840.113549.1.1.12', '300d06092a864886f70d01010c0500', 'sha384', 'rsa'),
  sha512WithRSAEncryption: scheme('1.2.840.113549.1.1.13', '300d06092a864886f70d01010d0500', 'sha512', 'rsa'),
};

const keyAlgorithms: Readonly<Record<KeyAlgorithm, { family: KeyFamily; signature: SignatureAlgorithm }>> = {
  'ECDSA-P256': { family: 'ec', signature: 'ecdsa-with-SHA256' },
  'ECDSA-P384': { family: 'ec', signature: 'ecdsa-with-SHA384' },
  'ECDSA-P521': { family: 'ec', signature: 'ecdsa-with-SHA512' },
  Ed25519: { family: 'ed25519', signature: 'Ed25519' },
  'RSA-2048': { family: 'rsa', signature: 'sha256WithRSAEncryption' },
  'RSA-3072': { family: 'rsa', signature: 'sha256WithRSAEncryption' },
  'RSA-4096': { family: 'rsa', signature: 'sha256WithRSAEncryption' },
};

/** What a key of this algorithm signs with when nothing else is asked. */
export function signatureAlgorithmOf(algorithm: KeyAlgorithm): SignatureAlgorithm {
  return keyAlgorithms[algorithm].signature;
}

/** Whether a key of this algorithm can have made such a signature. */
export function canSign(key: KeyAlgorithm, signature: SignatureAlgorithm): boolean {
  return keyAlgorithms[key].family === signatureAlgorithms[signature].family;
}

/**
 * False for a signature that is not of this key over these bytes, also for a key of another family. The key goes to
 * OpenSSL as DER and no KeyObject is made of it: most keys verify once, and KeyObjects gather until a full collection.
 * Throws KEY_UNUSABLE if OpenSSL refuses the key.
 */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  key: PublicKey,
  data: Buffer,
  signature: Buffer,
): boolean {
  if (!canSign(key.algorithm, algorithm)) return false;
  try {
    const spki = { key: key.spki, format: 'der', type: 'spki' } as const;
    return verify(signatureAlgorithms[algorithm].hash, data, spki, signature);
  } catch (cause) {
    throw new X509Error('KEY_UNUSABLE', 'OpenSSL does not take the public key', { cause });
  }
}

/** Signs on this thread; an ECDSA signature is a DER Ecdsa-Sig-Value (RFC 3279 §2.2.3). */
export function sign(algorithm: SignatureAlgorithm, key: KeyObject, data: Buffer): Buffer {
  const { hash, family } = signatureAlgorithms[algorithm];
  if (key.asymmetricKeyType !== family) {
    throw new X509Error(
      'ENCODING_INVALID',
      `a key of type ${key.asymmetricKeyType} cannot sign with ${algorithm}`,
    );
  }
  return signBytes(hash, data, key);
}
