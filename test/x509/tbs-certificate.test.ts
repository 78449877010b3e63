import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Certificate, isSelfIssued, isSignedBy, parseCertificate } from '#x509/certificate.ts';
import {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectAltNameExtension,
  subjectKeyIdExtension,
} from '#x509/extension.ts';
import type { GeneralName } from '#x509/general-name.ts';
import { type ExtendedKeyUsage, extendedKeyUsageOids, type KeyUsage, keyUsages } from '#x509/key-usage.ts';
import { lintLeaf } from '#x509/lint.ts';
import { encodeName, formatName } from '#x509/name.ts';
import { attributeOid } from '#x509/object-identifier.ts';
import { encodePem } from '#x509/pem.ts';
import type { KeyAlgorithm } from '#x509/public-key.ts';
import { encodeTbsCertificate } from '#x509/tbs-certificate.ts';
import type { CertificateFields } from '../oracle/certificate-fields.ts';
import { opensslFields, opensslVerify } from '../oracle/openssl.ts';
import { peculiarFields } from '../oracle/peculiar.ts';
import { certify, day, newChain, newKey, newSerial, start } from './support/chain.ts';
import { refusalOf } from './support/refusal.ts';

const isPurpose = (name: string): name is ExtendedKeyUsage => Object.hasOwn(extendedKeyUsageOids, name);

/** What our own reader sees, in the words of the oracles. */
function ourFields(certificate: Certificate): CertificateFields {
  const { signatureAlgorithm, extensions } = certificate;
  return {
    version: certificate.version,
    serial: certificate.serial.toString('hex').replace(/^0+/, ''),
    signatureAlgorithm: signatureAlgorithm === 'Ed25519' ? 'ED25519' : signatureAlgorithm,
    issuer: formatName(certificate.issuer),
    subject: formatName(certificate.subject),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    publicKey: certificate.publicKey.sha256,
    keyUsage: certificate.keyUsage ?? [],
    extendedKeyUsage: (certificate.extendedKeyUsage ?? []).map((name) =>
      isPurpose(name) ? extendedKeyUsageOids[name] : name,
    ),
    ca: certificate.basicConstraints?.ca ?? false,
    pathLength: certificate.basicConstraints?.pathLength,
    subjectAltNames: certificate.subjectAltNames.map(describeName),
    subjectKeyId: certificate.subjectKeyId,
    authorityKeyId: certificate.authorityKeyId,
    criticalExtensions: extensions
      .filter(({ critical }) => critical)
      .map(({ oid }) => oid)
      .sort(),
  };
}

function describeName(name: GeneralName): string {
  if (name.kind === 'other') return 'other';
  return name.kind === 'ip'
    ? `IP:${[...name.value].join('.')}`
    : `${name.kind === 'email' ? 'email' : name.kind.toUpperCase()}:${name.value}`;
}

/** The three readers agree; returns what they see. */
function readAlike(der: Buffer): CertificateFields {
  const ours = ourFields(parseCertificate(der));
  expect(opensslFields(der)).toEqual(ours);
  const { version: _, ...rest } = ours;
  expect(peculiarFields(der)).toEqual(rest);
  return ours;
}

const algorithms: readonly KeyAlgorithm[] = ['ECDSA-P256', 'ECDSA-P384', 'ECDSA-P521', 'Ed25519', 'RSA-2048'];

describe.each(algorithms)('a chain of %s that we wrote', (algorithm) => {
  const { root, issuing, leaf, leafTbs, approved } = newChain(algorithm);

  test('is read alike by OpenSSL, @peculiar/x509 and ourselves', () => {
    expect(readAlike(root)).toMatchObject({ ca: true, pathLength: undefined, authorityKeyId: undefined });
    expect(readAlike(issuing)).toMatchObject({
      ca: true,
      pathLength: 0,
      keyUsage: ['keyCertSign', 'cRLSign'],
    });
    expect(readAlike(leaf)).toMatchObject({
      version: 3,
      serial: approved.serial.toString('hex'),
      subject: '',
      notBefore: start - 60,
      notAfter: start + day,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
      ca: false,
      subjectAltNames: [`URI:${approved.spiffeUri}`],
      authorityKeyId: approved.authorityKeyId,
      criticalExtensions: ['2.5.29.15', '2.5.29.17', '2.5.29.19'],
    });
  });

  test.each(['sslserver', 'sslclient'] as const)(
    'verifies with openssl verify -x509_strict as %s',
    (purpose) => {
      const [rootPem, issuingPem, leafPem] = [root, issuing, leaf].map((der) =>
        encodePem('CERTIFICATE', der),
      );
      const pems = { root: rootPem ?? '', intermediates: issuingPem ?? '', leaf: leafPem ?? '', purpose };
      expect(opensslVerify({ ...pems, at: start })).toMatchObject({ ok: true, stderr: '' });
      expect(opensslVerify({ ...pems, at: start + day + 1 }).stderr).toContain('certificate has expired');
      const other = encodePem('CERTIFICATE', newChain(algorithm).root);
      expect(opensslVerify({ ...pems, root: other, at: start })).toMatchObject({ ok: false });
    },
  );

  test('is signed as it says, and linted', () => {
    const [rootRead, issuingRead, leafRead] = [
      parseCertificate(root),
      parseCertificate(issuing),
      parseCertificate(leaf),
    ];
    expect(isSignedBy(leafRead, issuingRead.publicKey)).toBe(true);
    expect(isSignedBy(issuingRead, rootRead.publicKey)).toBe(true);
    expect(isSignedBy(leafRead, rootRead.publicKey)).toBe(false);
    expect([rootRead, issuingRead, leafRead].map(isSelfIssued)).toEqual([true, false, false]);
    expect(() => lintLeaf(encodeTbsCertificate(leafTbs), approved)).not.toThrow();
    expect(leafRead.tbs).toEqual(encodeTbsCertificate(leafTbs));
  });
});

describe('any certificate that the writer can write is read alike', () => {
  const key = newKey();
  const names: fc.Arbitrary<GeneralName> = fc.oneof(
    fc.stringMatching(/^[a-z0-9.-]{1,20}$/).map((value) => ({ kind: 'dns' as const, value })),
    fc
      .stringMatching(/^[a-z0-9./:_-]{1,40}$/)
      .map((path) => ({ kind: 'uri' as const, value: `spiffe://${path}` })),
    fc.stringMatching(/^[a-z]{1,8}@[a-z]{1,8}$/).map((value) => ({ kind: 'email' as const, value })),
    fc
      .uint8Array({ minLength: 4, maxLength: 4 })
      .map((bytes) => ({ kind: 'ip' as const, value: Buffer.from(bytes) })),
  );
  const purposes = Object.keys(extendedKeyUsageOids).filter(isPurpose);
  const text = fc
    .stringMatching(/^[A-Za-z0-9]([A-Za-z0-9 .-]{0,20}[A-Za-z0-9])?$/)
    .filter((value) => !value.includes('  '));
  const certificates = fc.record({
    serial: fc
      .uint8Array({ minLength: 1, maxLength: 19 })
      .filter((bytes) => bytes.some((byte) => byte !== 0)),
    notBefore: fc.integer({ min: 0, max: 4_000_000_000 }),
    lifetime: fc.nat(4_000_000_000),
    names: fc.array(names, { minLength: 1, maxLength: 4 }),
    keyUsage: fc.subarray<KeyUsage>([...keyUsages], { minLength: 1 }),
    purposes: fc.subarray(purposes, { minLength: 1 }),
    pathLength: fc.option(fc.nat(1000), { nil: undefined }),
    commonName: text,
    organization: text,
    keyId: fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => bytes.toHex()),
  });

  test('with every extension', () => {
    fc.assert(
      fc.property(certificates, (values) => {
        const subject = encodeName([
          { oid: attributeOid.organization, value: values.organization },
          { oid: attributeOid.commonName, value: values.commonName },
        ]);
        const tbs = {
          serial: values.serial,
          signatureAlgorithm: 'ecdsa-with-SHA256' as const,
          issuer: subject,
          notBefore: values.notBefore,
          notAfter: values.notBefore + values.lifetime,
          subject,
          spki: key.publicKey.spki,
          extensions: [
            basicConstraintsExtension({ ca: true, pathLength: values.pathLength }),
            keyUsageExtension(values.keyUsage),
            extendedKeyUsageExtension(values.purposes),
            subjectKeyIdExtension(values.keyId),
            authorityKeyIdExtension(values.keyId),
            subjectAltNameExtension(values.names, { critical: false }),
          ],
        };
        const der = certify(tbs, key.privateKey);
        expect(readAlike(der)).toMatchObject({
          serial: Buffer.from(values.serial).toString('hex').replace(/^0+/, ''),
          notBefore: values.notBefore,
          notAfter: values.notBefore + values.lifetime,
          pathLength: values.pathLength,
          keyUsage: keyUsages.filter((usage) => values.keyUsage.includes(usage)),
          subjectAltNames: values.names.map(describeName),
        });
      }),
      { numRuns: 25 },
    );
  });
});

test('encoders refuse what has no encoding', () => {
  const long = 'a'.repeat(65);
  const impossible: readonly (() => unknown)[] = [
    () => keyUsageExtension([]),
    () => extendedKeyUsageExtension([]),
    () => basicConstraintsExtension({ ca: false, pathLength: 0 }),
    () => basicConstraintsExtension({ ca: true, pathLength: -1 }),
    () => subjectAltNameExtension([], { critical: true }),
    () => subjectAltNameExtension([{ kind: 'uri', value: 'spiffe://ü' }], { critical: true }),
    () => subjectAltNameExtension([{ kind: 'dns', value: '' }], { critical: true }),
    () => encodeName([{ oid: attributeOid.commonName, value: long }]),
    () => encodeName([{ oid: attributeOid.commonName, value: '' }]),
    () => encodeName([{ oid: attributeOid.serialNumber, value: 'a_b' }]),
    () => encodeName([{ oid: attributeOid.emailAddress, value: 'ü@example.com' }]),
    () => encodeName([{ oid: attributeOid.commonName, value: '\ud800' }]),
  ];
  expect(impossible.map((encode) => refusalOf(encode))).toEqual(impossible.map(() => 'ENCODING_INVALID'));
});

test('random serials keep their value, whatever their first bits', () => {
  const key = newKey();
  const { leafTbs, issuingKey } = newChain();
  for (const serial of [
    Buffer.from([1]),
    Buffer.from([0x80]),
    Buffer.concat([Buffer.from([0xff]), randomBytes(18)]),
    newSerial(),
  ]) {
    const certificate = parseCertificate(
      certify({ ...leafTbs, serial, spki: key.publicKey.spki }, issuingKey.privateKey),
    );
    expect(certificate.serial).toEqual(serial);
  }
});
