import { describe, expect, test } from 'vitest';
import { isSignedBy, parseCertificate } from '#x509/certificate.ts';
import { type X509Code } from '#x509/error.ts';
import { formatName } from '#x509/name.ts';
import { opensslReadsCertificate } from '../oracle/openssl.ts';
import { newChain, newKey } from './support/chain.ts';
import {
  algorithm,
  ascii,
  bits,
  contentsOf,
  FALSE,
  generalized,
  int,
  NULL,
  OID,
  octets,
  seq,
  set,
  TRUE,
  tlv,
  utc,
  withIndefiniteLength,
  withLongLength,
} from './support/der.ts';
import { refusalOf } from './support/refusal.ts';
import { altNames, extension, p256, spkiOf, uriName } from './support/request.ts';

const issuer = seq(set(seq(OID.commonName, ascii(0x0c, 'root'))));
const version3 = tlv(0xa0, int('02'));

interface Parts {
  readonly version?: Buffer;
  readonly serial?: Buffer;
  readonly inner?: Buffer;
  readonly outer?: Buffer;
  readonly issuer?: Buffer;
  readonly validity?: Buffer;
  readonly subject?: Buffer;
  readonly spki?: Buffer;
  readonly rest?: readonly Buffer[];
  readonly signature?: Buffer;
}

const extensions = (...list: readonly Buffer[]): Buffer => tlv(0xa3, seq(...list));
const keyUsage = extension(OID.keyUsage, bits(1, '06'), TRUE);

function certificate(parts: Parts = {}): Buffer {
  const tbs = seq(
    parts.version ?? version3,
    parts.serial ?? int('01'),
    parts.inner ?? algorithm.ecdsaSha256,
    parts.issuer ?? issuer,
    parts.validity ?? seq(utc('260101000000Z'), utc('270101000000Z')),
    parts.subject ?? issuer,
    parts.spki ?? spkiOf(p256.publicKey),
    ...(parts.rest ?? [extensions(keyUsage)]),
  );
  return seq(
    tbs,
    parts.outer ?? algorithm.ecdsaSha256,
    parts.signature ?? bits(0, seq(int('01'), int('01'))),
  );
}

const withExtensions = (...list: readonly Buffer[]): Buffer => certificate({ rest: [extensions(...list)] });
const keyId = '00112233445566778899';

describe('a certificate that is read', () => {
  test('by the builder of these tests', () => {
    const read = parseCertificate(certificate());
    expect(read).toMatchObject({
      version: 3,
      keyUsage: ['keyCertSign', 'cRLSign'],
      serial: Buffer.from([1]),
    });
    expect(opensslReadsCertificate(certificate())).toBe(true);
  });

  test('without extensions, and with a subject that is empty', () => {
    expect(parseCertificate(certificate({ rest: [] })).extensions.length).toBe(0);
    expect(formatName(parseCertificate(certificate({ subject: seq() })).subject)).toBe('');
  });

  test('with critical and other extensions that nobody knows: kept raw', () => {
    const read = parseCertificate(
      withExtensions(extension('06032a0304', 'deadbeef', TRUE), extension('06032a0305', '')),
    );
    expect(read.extensions.find(({ oid }) => oid === '1.2.3.4')).toEqual({
      oid: '1.2.3.4',
      critical: true,
      value: Buffer.from('deadbeef', 'hex'),
    });
    expect(read.extensions.find(({ oid }) => oid === '1.2.3.5')).toMatchObject({
      critical: false,
      value: Buffer.alloc(0),
    });
  });

  test('with times on both sides of 2050', () => {
    const read = parseCertificate(
      certificate({ validity: seq(utc('491231235959Z'), generalized('99991231235959Z')) }),
    );
    expect([read.notBefore, read.notAfter]).toEqual([2_524_607_999, 253_402_300_799]);
  });

  test('with issuer and serial number in the authority key id', () => {
    const names = tlv(0xa1, tlv(0xa4, issuer));
    const read = parseCertificate(
      withExtensions(extension(OID.authorityKeyId, seq(tlv(0x80, keyId), names, tlv(0x82, '01')))),
    );
    expect(read.authorityKeyId).toBe(keyId);
  });

  test('a serial number whose sign octet is needed comes without it', () => {
    expect(parseCertificate(certificate({ serial: int('0080') })).serial.toString('hex')).toBe('80');
  });

  test('and says with which key it was signed', () => {
    const { root, issuing, leaf } = newChain();
    const [rootKey, issuingKey] = [root, issuing].map((der) => parseCertificate(der).publicKey);
    const read = parseCertificate(leaf);
    expect(issuingKey === undefined || isSignedBy(read, issuingKey)).toBe(true);
    expect(rootKey === undefined || isSignedBy(read, rootKey)).toBe(false);
    expect(isSignedBy(read, newKey('Ed25519').publicKey)).toBe(false);
    expect(isSignedBy(read, newKey('RSA-2048').publicKey)).toBe(false);
  });
});

describe('a certificate that is refused', () => {
  const names = seq(uriName('spiffe://td/a'));
  const cases: readonly (readonly [string, X509Code, () => Buffer])[] = [
    ['empty', 'DER_TRUNCATED', () => Buffer.alloc(0)],
    ['trailing bytes', 'DER_TRAILING_BYTES', () => Buffer.concat([certificate(), NULL])],
    [
      'an element after the extensions',
      'DER_TRAILING_BYTES',
      () => certificate({ rest: [extensions(keyUsage), NULL] }),
    ],
    ['an element after the signature', 'DER_TRAILING_BYTES', () => seq(contentsOf(certificate()), NULL)],
    ['indefinite length', 'DER_LENGTH_INDEFINITE', () => withIndefiniteLength(certificate())],
    ['length not minimal', 'DER_LENGTH_NOT_MINIMAL', () => withLongLength(certificate())],
    ['64 KiB', 'CERTIFICATE_TOO_LARGE', () => withExtensions(extension('06032a0304', 'aa'.repeat(65_536)))],
    [
      'version 1',
      'CERTIFICATE_VERSION_UNSUPPORTED',
      () => certificate({ version: Buffer.alloc(0), rest: [] }),
    ],
    [
      'version 1, spelled out',
      'CERTIFICATE_VERSION_UNSUPPORTED',
      () => certificate({ version: tlv(0xa0, int('00')) }),
    ],
    ['version 2', 'CERTIFICATE_VERSION_UNSUPPORTED', () => certificate({ version: tlv(0xa0, int('01')) })],
    ['version 4', 'CERTIFICATE_VERSION_UNSUPPORTED', () => certificate({ version: tlv(0xa0, int('03')) })],
    ['two versions', 'DER_TRAILING_BYTES', () => certificate({ version: tlv(0xa0, int('02'), int('02')) })],
    ['serial zero', 'CERTIFICATE_SERIAL_INVALID', () => certificate({ serial: int('00') })],
    ['negative serial', 'CERTIFICATE_SERIAL_INVALID', () => certificate({ serial: int('80') })],
    [
      'serial of 21 octets',
      'CERTIFICATE_SERIAL_INVALID',
      () => certificate({ serial: int('01'.repeat(21)) }),
    ],
    ['padded serial', 'DER_INTEGER_NOT_MINIMAL', () => certificate({ serial: int('0001') })],
    [
      'two signature algorithms',
      'CERTIFICATE_SIGNATURE_ALGORITHM_MISMATCH',
      () => certificate({ inner: algorithm.ecdsaSha384 }),
    ],
    [
      'SHA-1',
      'SIGNATURE_ALGORITHM_UNSUPPORTED',
      () => certificate({ inner: algorithm.ecdsaSha1, outer: algorithm.ecdsaSha1 }),
    ],
    [
      'NULL parameters on ECDSA',
      'SIGNATURE_PARAMETERS_INVALID',
      () => certificate({ inner: algorithm.ecdsaSha256WithNull }),
    ],
    ['no issuer', 'CERTIFICATE_ISSUER_EMPTY', () => certificate({ issuer: seq() })],
    [
      'an end before the beginning',
      'CERTIFICATE_VALIDITY_INVALID',
      () => certificate({ validity: seq(utc('270101000000Z'), utc('260101000000Z')) }),
    ],
    [
      'GeneralizedTime before 2050',
      'DER_TIME_FORM',
      () => certificate({ validity: seq(generalized('20260101000000Z'), utc('270101000000Z')) }),
    ],
    [
      '30 February',
      'DER_TIME_INVALID',
      () => certificate({ validity: seq(utc('260101000000Z'), utc('270230000000Z')) }),
    ],
    [
      'three times',
      'DER_TRAILING_BYTES',
      () => certificate({ validity: seq(utc('260101000000Z'), utc('270101000000Z'), utc('270101000000Z')) }),
    ],
    [
      'an issuer unique id',
      'CERTIFICATE_UNIQUE_ID',
      () => certificate({ rest: [tlv(0x81, '00aa'), extensions(keyUsage)] }),
    ],
    [
      'a subject unique id',
      'CERTIFICATE_UNIQUE_ID',
      () => certificate({ rest: [tlv(0x82, '00aa'), extensions(keyUsage)] }),
    ],
    ['an empty list of extensions', 'EXTENSIONS_EMPTY', () => withExtensions()],
    ['an extension twice', 'EXTENSION_DUPLICATE', () => withExtensions(keyUsage, keyUsage)],
    [
      'an unknown extension twice',
      'EXTENSION_DUPLICATE',
      () => withExtensions(extension('06032a0304', ''), extension('06032a0304', '', TRUE)),
    ],
    [
      '65 extensions',
      'EXTENSIONS_TOO_MANY',
      () =>
        withExtensions(
          ...Array.from({ length: 65 }, (_, n) =>
            extension(tlv(6, Buffer.from([0x2a, n])).toString('hex'), ''),
          ),
        ),
    ],
    [
      'explicit critical = FALSE',
      'DER_DEFAULT_ENCODED',
      () => withExtensions(extension(OID.keyUsage, bits(1, '06'), FALSE)),
    ],
    [
      'BER TRUE',
      'DER_BOOLEAN_INVALID',
      () => withExtensions(extension(OID.keyUsage, bits(1, '06'), '010101')),
    ],
    [
      'junk after GeneralNames',
      'EXTENSION_TRAILING_BYTES',
      () => withExtensions(extension(OID.subjectAltName, Buffer.concat([names, NULL]))),
    ],
    [
      '1025 names',
      'GENERAL_NAMES_TOO_MANY',
      () => withExtensions(altNames(...Array.from({ length: 1025 }, () => ascii(0x82, 'a')))),
    ],
    [
      'path length below zero',
      'DER_INTEGER_INVALID',
      () => withExtensions(extension(OID.basicConstraints, seq(TRUE, int('ff')))),
    ],
    [
      'a key id of 65 bytes',
      'KEY_ID_INVALID',
      () => withExtensions(extension(OID.subjectKeyId, octets('aa'.repeat(65)))),
    ],
    [
      'an empty subject key id',
      'KEY_ID_INVALID',
      () => withExtensions(extension(OID.subjectKeyId, octets())),
    ],
    [
      'an authority key id with an issuer only',
      'KEY_ID_INVALID',
      () => withExtensions(extension(OID.authorityKeyId, seq(tlv(0xa1, tlv(0xa4, issuer))))),
    ],
    [
      'a key off its curve',
      'KEY_POINT_INVALID',
      () => certificate({ spki: seq(seq(OID.ecPublicKey, OID.prime256v1), bits(0, `04${'01'.repeat(64)}`)) }),
    ],
    [
      'a signature with unused bits',
      'DER_BIT_STRING_UNUSED_BITS',
      () => certificate({ signature: bits(1, '80') }),
    ],
  ];
  test.each(cases)('%s: %s', (_, code, der) => {
    expect(refusalOf(() => parseCertificate(der()))).toBe(code);
  });
});
