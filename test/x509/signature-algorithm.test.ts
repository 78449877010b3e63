import { describe, expect, test } from 'vitest';
import { oid, sequence } from '#x509/der/writer.ts';
import type { KeyAlgorithm } from '#x509/public-key.ts';
import {
  canSign,
  sign,
  signatureAlgorithmOf,
  signatureAlgorithms,
  verifySignature,
} from '#x509/signature-algorithm.ts';
import { newKey } from './support/chain.ts';
import { NULL } from './support/der.ts';
import { refusalOf } from './support/refusal.ts';

const data = Buffer.from('to be signed');

describe.each<KeyAlgorithm>(['ECDSA-P256', 'ECDSA-P384', 'ECDSA-P521', 'Ed25519', 'RSA-2048'])(
  '%s',
  (algorithm) => {
    const key = newKey(algorithm);
    const signature = sign(signatureAlgorithmOf(algorithm), key.privateKey, data);

    test('verifies what it signed, and nothing else', () => {
      const name = signatureAlgorithmOf(algorithm);
      expect(verifySignature(name, key.publicKey, data, signature)).toBe(true);
      expect(verifySignature(name, key.publicKey, Buffer.from('to be signet'), signature)).toBe(false);
      expect(verifySignature(name, newKey(algorithm).publicKey, data, signature)).toBe(false);
      expect(verifySignature(name, key.publicKey, data, signature.subarray(0, -1))).toBe(false);
      expect(verifySignature(name, key.publicKey, data, Buffer.alloc(0))).toBe(false);
      expect(verifySignature(name, key.publicKey, data, Buffer.concat([signature, Buffer.from([0])]))).toBe(
        false,
      );
    });

    test('signs only with algorithms of its own family', () => {
      for (const name of Object.keys(signatureAlgorithms).filter(isName)) {
        if (canSign(algorithm, name)) {
          expect(verifySignature(name, key.publicKey, data, sign(name, key.privateKey, data))).toBe(true);
        } else {
          expect(refusalOf(() => sign(name, key.privateKey, data))).toBe('ENCODING_INVALID');
          expect(verifySignature(name, key.publicKey, data, signature)).toBe(false);
        }
      }
    });
  },
);

const isName = (name: string): name is keyof typeof signatureAlgorithms =>
  Object.hasOwn(signatureAlgorithms, name);

test('the bytes in the registry are its OIDs, with NULL for RSA only', () => {
  for (const { oid: dotted, der, family } of Object.values(signatureAlgorithms)) {
    expect(der).toEqual(family === 'rsa' ? sequence(oid(dotted), NULL) : sequence(oid(dotted)));
  }
});
