import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseCertificateRequest, provenPublicKey } from '#x509/certificate-request.ts';
import type { X509Code } from '#x509/error.ts';
import { accept } from './support/accept.ts';
import { algorithm, ascii, bits, NULL, OID, seq, set, withLongLength } from './support/der.ts';
import { refusalOf } from './support/refusal.ts';
import { p256, type RequestParts, requestInfo, signedRequest, spkiOf } from './support/request.ts';

const named = (value: Buffer): Buffer => seq(set(seq(OID.commonName, value)));

describe('proof of possession', () => {
  const refusal = (parts: RequestParts): X509Code => refusalOf(() => accept(signedRequest(parts)));
  const ed25519 = generateKeyPairSync('ed25519');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

  test('a signature by another key', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(refusal({ key: other.privateKey })).toBe('CSR_SIGNATURE_INVALID');
  });

  test('a signature over other bytes', () => {
    const stolen = parseCertificateRequest(signedRequest());
    const info = requestInfo({ subject: named(ascii(0x0c, 'x')) });
    expect(refusalOf(() => provenPublicKey({ ...stolen, info }))).toBe('CSR_SIGNATURE_INVALID');
  });

  test('a signature with another hash than it says', () => {
    expect(refusal({ hash: 'sha384' })).toBe('CSR_SIGNATURE_INVALID');
  });

  test('an empty signature, and one in BER', () => {
    const info = requestInfo();
    expect(refusalOf(() => accept(seq(info, algorithm.ecdsaSha256, bits(0))))).toBe('CSR_SIGNATURE_INVALID');
    const signature = sign('sha256', info, p256.privateKey);
    const ber = bits(0, withLongLength(signature));
    expect(refusalOf(() => accept(seq(info, algorithm.ecdsaSha256, ber)))).toBe('CSR_SIGNATURE_INVALID');
  });

  test('an algorithm of another key family', () => {
    expect(refusal({ algorithm: algorithm.rsaSha256 })).toBe('SIGNATURE_KEY_MISMATCH');
    expect(refusal({ algorithm: algorithm.ed25519 })).toBe('SIGNATURE_KEY_MISMATCH');
    expect(refusal({ spki: spkiOf(ed25519.publicKey) })).toBe('SIGNATURE_KEY_MISMATCH');
  });

  test('RSA parameters must be NULL, those of Ed25519 absent', () => {
    const byRsa = { spki: spkiOf(rsa.publicKey), key: rsa.privateKey };
    expect(refusal({ ...byRsa, algorithm: algorithm.rsaSha256WithoutNull })).toBe(
      'SIGNATURE_PARAMETERS_INVALID',
    );
    const withNull = seq('06032b6570', NULL);
    const byEd25519 = { spki: spkiOf(ed25519.publicKey), key: ed25519.privateKey, hash: null };
    expect(refusal({ ...byEd25519, algorithm: withNull })).toBe('SIGNATURE_PARAMETERS_INVALID');
  });
});
