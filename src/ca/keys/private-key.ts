import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type CaKeyAlgorithm, caKeyAlgorithm, isCaKeyAlgorithm } from '#ca/keys/algorithm.ts';
import { MangroveError } from '#errors/error.ts';
import type { Certificate } from '#x509/certificate.ts';

/**
 * Imports a PKCS#8 PEM and wipes the bytes that it came in: from here on the key lives in OpenSSL's memory alone.
 * @throws MangroveError CA_AUTHORITY_DAMAGED when it is no private key, or not that of the certificate. Never quotes it.
 */
export function importPrivateKey(pem: Buffer, certificate: Certificate): KeyObject {
  try {
    const key = readKey(pem);
    const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
    if (!spki.equals(certificate.publicKey.spki)) {
      throw new MangroveError(
        'CA_AUTHORITY_DAMAGED',
        'the private key is not that of the certificate beside it',
      );
    }
    return key;
  } finally {
    pem.fill(0);
  }
}

function readKey(pem: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    // OpenSSL's message is dropped with its error: nothing that was near a key goes into a log.
    throw new MangroveError('CA_AUTHORITY_DAMAGED', 'the private key is not readable as PKCS#8 PEM');
  }
}

/** The same key as a non-extractable WebCrypto key, for signing CA certificates. */
export async function asSigningKey(
  key: KeyObject,
  algorithm: CaKeyAlgorithm,
  crypto: Crypto,
): Promise<CryptoKey> {
  const exported = key.export({ type: 'pkcs8', format: 'der' });
  // A copy of its own: the library reads a whole `.buffer`, and small Buffers share one.
  const pkcs8 = new Uint8Array(exported);
  exported.fill(0);
  try {
    return await crypto.subtle.importKey('pkcs8', pkcs8, caKeyAlgorithm[algorithm].key, false, ['sign']);
  } finally {
    pkcs8.fill(0);
  }
}

/** The CA algorithm of a certificate's key. @throws MangroveError CA_AUTHORITY_DAMAGED for one that we never make. */
export function caAlgorithmOf(certificate: Certificate): CaKeyAlgorithm {
  const { algorithm } = certificate.publicKey;
  if (isCaKeyAlgorithm(algorithm)) return algorithm;
  throw new MangroveError('CA_AUTHORITY_DAMAGED', `an authority never has a key of ${algorithm}`);
}
