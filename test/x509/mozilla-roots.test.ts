import { createPublicKey, X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { isSignedBy, parseCertificate } from '#x509/certificate.ts';
import { X509Error } from '#x509/error.ts';
import { parsePem } from '#x509/pem.ts';

/** What we refuse in roots that a browser trusts, and why: e ≠ 65537, serial number 0, SHA-1, GeneralizedTime for 2011. */
const knownRefusals = [
  'KEY_RSA_EXPONENT',
  'CERTIFICATE_SERIAL_INVALID',
  'SIGNATURE_ALGORITHM_UNSUPPORTED',
  'DER_TIME_FORM',
];

describe("Mozilla's roots", () => {
  const roots = getCACertificates('bundled').flatMap((pem) => parsePem(pem, 'CERTIFICATE'));

  test('are read and found to be signed by themselves, or break a rule that we know', () => {
    const refused: string[] = [];
    for (const der of roots) {
      try {
        const root = parseCertificate(der);
        expect(isSignedBy(root, root.publicKey)).toBe(true);
        expect(root.basicConstraints?.ca).toBe(true);
      } catch (error) {
        if (!(error instanceof X509Error)) throw error;
        refused.push(error.code);
      }
    }
    expect(refused.filter((code) => !knownRefusals.includes(code))).toEqual([]);
    expect(roots.length - refused.length).toBeGreaterThanOrEqual(100);
  });

  test('are seen as Node sees them', () => {
    for (const der of roots) {
      if (knownRefusals.includes(codeOf(der))) continue;
      const [ours, theirs] = [parseCertificate(der), new X509Certificate(der)];
      expect(ours.serial.toString('hex').replace(/^0+/, '')).toBe(
        theirs.serialNumber.toLowerCase().replace(/^0+/, ''),
      );
      expect([ours.notBefore, ours.notAfter].map((seconds) => seconds * 1000)).toEqual([
        theirs.validFromDate.getTime(),
        theirs.validToDate.getTime(),
      ]);
      expect(ours.publicKey.spki).toEqual(
        createPublicKey(theirs.publicKey.export({ type: 'spki', format: 'pem' })).export({
          type: 'spki',
          format: 'der',
        }),
      );
      expect(ours.sha256).toBe(theirs.fingerprint256.replaceAll(':', '').toLowerCase());
    }
  });
});

function codeOf(der: Buffer): string {
  try {
    parseCertificate(der);
    return '';
  } catch (error) {
    return error instanceof X509Error ? error.code : 'none of ours';
  }
}
