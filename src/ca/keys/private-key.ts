import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { encodeBase64 } from '#base64.ts';
import { type CaKeyAlgorithm, caKeyAlgorithm, isCaKeyAlgorithm } from '#ca/keys/algorithm.ts';
import { MangroveError } from '#errors/error.ts';
import type { Certificate } from '#x509/certificate.ts';

const lineLength = 64;
const newline = Buffer.from('\n');

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

/** A new key. It is made in OpenSSL's memory, and that of an issuing certificate never leaves it. */
export function generateCaKey(algorithm: CaKeyAlgorithm): {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
} {
  const { namedCurve } = caKeyAlgorithm[algorithm].key;
  return namedCurve === undefined
    ? generateKeyPairSync('ed25519')
    : generateKeyPairSync('ec', { namedCurve });
}

/** The key as PKCS#8 PEM (RFC 7468 §10), in a Buffer of its own that whoever asked for it wipes. */
export function exportPrivateKey(key: KeyObject): Buffer {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  const text = encodeBase64(pkcs8);
  pkcs8.fill(0);
  const lines = Array.from({ length: Math.ceil(text.length / lineLength) }, (_, line) => [
    text.subarray(line * lineLength, (line + 1) * lineLength),
    newline,
  ]);
  const pem = Buffer.concat([
    Buffer.from('-----BEGIN PRIVATE KEY-----\n'),
    ...lines.flat(),
    Buffer.from('-----END PRIVATE KEY-----\n'),
  ]);
  text.fill(0);
  return pem;
}

/** The same key as a non-extractable key of Node's WebCrypto. No byte of it moves. */
export function asSigningKey(key: KeyObject, algorithm: CaKeyAlgorithm): CryptoKey {
  return key.toCryptoKey(caKeyAlgorithm[algorithm].key, false, ['sign']);
}

/** The CA algorithm of a certificate's key. @throws MangroveError CA_AUTHORITY_DAMAGED for one that we never make. */
export function caAlgorithmOf(certificate: Certificate): CaKeyAlgorithm {
  const { algorithm } = certificate.publicKey;
  if (isCaKeyAlgorithm(algorithm)) return algorithm;
  throw new MangroveError('CA_AUTHORITY_DAMAGED', `an authority never has a key of ${algorithm}`);
}
