import { describe, expect, test } from 'vitest';
import type { X509Code } from '#x509/error.ts';
import { accept } from './support/accept.ts';
import { ascii, bits, FALSE, int, NULL, OID, seq, set, TRUE, tlv } from './support/der.ts';
import { refusalOf } from './support/refusal.ts';
import { altNames, exampleId, extension, requestWith, signedRequest, uriName } from './support/request.ts';

const withUri = (uri: string): Buffer => requestWith(altNames(uriName(uri)));
const withAttributes = (...attributes: readonly Buffer[]): Buffer => signedRequest({ attributes });

test('the same builder makes a request that is accepted', () => {
  expect(accept(signedRequest()).subjectAltNames).toEqual([{ kind: 'uri', value: exampleId }]);
});

describe('extensions and names: correctly signed, malformed on purpose', () => {
  const cases: readonly (readonly [string, X509Code, () => Buffer])[] = [
    [
      'explicit critical = FALSE',
      'DER_DEFAULT_ENCODED',
      () => requestWith(extension(OID.subjectAltName, seq(uriName(exampleId)), FALSE)),
    ],
    [
      'BER TRUE = 01',
      'DER_BOOLEAN_INVALID',
      () => requestWith(extension(OID.subjectAltName, seq(uriName(exampleId)), '010101')),
    ],
    [
      'BOOLEAN of two bytes',
      'DER_BOOLEAN_INVALID',
      () => requestWith(extension(OID.subjectAltName, seq(uriName(exampleId)), '0102ffff')),
    ],
    [
      'junk after GeneralNames',
      'EXTENSION_TRAILING_BYTES',
      () => requestWith(extension(OID.subjectAltName, Buffer.concat([seq(uriName(exampleId)), NULL]))),
    ],
    ['empty GeneralNames', 'GENERAL_NAMES_EMPTY', () => requestWith(altNames())],
    ['empty URI', 'GENERAL_NAME_INVALID', () => withUri('')],
    ['unknown general name', 'GENERAL_NAME_INVALID', () => requestWith(altNames(ascii(0x89, 'x')))],
    [
      'directory name that is no name',
      'NAME_STRING_INVALID',
      () => requestWith(altNames(tlv(0xa4, named(int('01'))))),
    ],
    ['other name without value', 'DER_TRUNCATED', () => requestWith(altNames(tlv(0xa0, '06032a0304')))],
    [
      'other name of two values',
      'DER_TRAILING_BYTES',
      () => requestWith(altNames(tlv(0xa0, '06032a0304', tlv(0xa0, ascii(0x0c, 'a'), ascii(0x0c, 'b'))))),
    ],
    ['registered id that is no OID', 'DER_OID_INVALID', () => requestWith(altNames(tlv(0x88, '')))],
    ['EDI party without name', 'DER_TRUNCATED', () => requestWith(altNames(tlv(0xa5)))],
    [
      'EDI party whose name is no text',
      'GENERAL_NAME_INVALID',
      () => requestWith(altNames(tlv(0xa5, tlv(0xa1, int('01'))))),
    ],
    ['IP address of 5 octets', 'GENERAL_NAME_INVALID', () => requestWith(altNames(tlv(0x87, '0a00000001')))],
    ['blank in the URI', 'GENERAL_NAME_NOT_PRINTABLE', () => withUri(`${exampleId} x`)],
    ['DEL in the URI', 'GENERAL_NAME_NOT_PRINTABLE', () => withUri(`${exampleId}\x7f`)],
    ['NUL byte in the URI', 'GENERAL_NAME_NOT_PRINTABLE', () => withUri(`${exampleId}\0.evil`)],
    ['non-ASCII byte in the URI', 'GENERAL_NAME_NOT_PRINTABLE', () => withUri(`${exampleId}\xfc`)],
    [
      'line break in a DNS name',
      'GENERAL_NAME_NOT_PRINTABLE',
      () => requestWith(altNames(ascii(0x82, 'a\nb'))),
    ],
    [
      '33 names',
      'GENERAL_NAMES_TOO_MANY',
      () => requestWith(altNames(...Array.from({ length: 33 }, () => uriName(exampleId)))),
    ],
    [
      '10,000 names',
      'CSR_TOO_LARGE',
      () => requestWith(altNames(...Array.from({ length: 10_000 }, () => ascii(0x82, 'a')))),
    ],
    [
      '17 KiB',
      'CSR_TOO_LARGE',
      () => withAttributes(seq(OID.unstructuredName, set(ascii(0x0c, 'x'.repeat(17 * 1024))))),
    ],
    ['21 extensions', 'EXTENSIONS_TOO_MANY', () => requestWith(...manyExtensions(21))],
    [
      'unknown critical extension',
      'EXTENSION_CRITICAL_UNKNOWN',
      () => requestWith(extension('06032a0304', NULL, TRUE)),
    ],
    [
      'critical name constraints',
      'EXTENSION_CRITICAL_UNKNOWN',
      () => requestWith(extension(OID.nameConstraints, seq(), TRUE)),
    ],
    ['key usage without a bit', 'KEY_USAGE_INVALID', () => requestWith(extension(OID.keyUsage, bits(0)))],
    [
      'key usage with a tenth bit',
      'KEY_USAGE_INVALID',
      () => requestWith(extension(OID.keyUsage, bits(6, '8040'))),
    ],
    [
      'key usage with trailing zero bits',
      'DER_BIT_STRING_INVALID',
      () => requestWith(extension(OID.keyUsage, bits(5, '80'))),
    ],
    [
      'extended key usage without purpose',
      'EXTENDED_KEY_USAGE_INVALID',
      () => requestWith(extension(OID.extendedKeyUsage, seq())),
    ],
    [
      '33 purposes',
      'EXTENDED_KEY_USAGE_INVALID',
      () => requestWith(extension(OID.extendedKeyUsage, seq(...manyOids(33)))),
    ],
    [
      'a purpose twice',
      'EXTENDED_KEY_USAGE_INVALID',
      () => requestWith(extension(OID.extendedKeyUsage, seq(OID.serverAuth, OID.serverAuth))),
    ],
    [
      'explicit cA = FALSE',
      'DER_DEFAULT_ENCODED',
      () => requestWith(extension(OID.basicConstraints, seq(FALSE))),
    ],
    [
      'path length without cA',
      'BASIC_CONSTRAINTS_INVALID',
      () => requestWith(extension(OID.basicConstraints, seq(int('00')))),
    ],
    ['padded OID', 'DER_OID_INVALID', () => requestWith(extension('0604551d8011', seq(uriName(exampleId))))],
    ['empty OID', 'DER_OID_INVALID', () => requestWith(extension('0600', NULL))],
    ['OID that ends within an arc', 'DER_OID_INVALID', () => requestWith(extension('0603551d91', NULL))],
    [
      'NULL with contents',
      'DER_NULL_INVALID',
      () => withAttributes(seq(OID.unstructuredName, set('050100'))),
    ],
    ['name with an empty part', 'NAME_INVALID', () => signedRequest({ subject: seq(set()) })],
    [
      'PrintableString with an underscore',
      'NAME_STRING_INVALID',
      () => signedRequest({ subject: named(ascii(0x13, 'a_b')) }),
    ],
    [
      'UTF8String that is not UTF-8',
      'NAME_STRING_INVALID',
      () => signedRequest({ subject: named(tlv(0x0c, 'c328')) }),
    ],
    ['NUL in a name', 'NAME_STRING_INVALID', () => signedRequest({ subject: named(ascii(0x0c, 'a\0b')) })],
    ['33 name attributes', 'NAME_TOO_MANY_ATTRIBUTES', () => signedRequest({ subject: manyNames(33) })],
    ['upper-case scheme', 'SPIFFE_SCHEME_INVALID', () => withUri('SPIFFE://cluster.local/ns/default/sa/web')],
    [
      'upper-case trust domain',
      'SPIFFE_TRUST_DOMAIN_INVALID',
      () => withUri('spiffe://Cluster.local/ns/default/sa/web'),
    ],
    ['port', 'SPIFFE_TRUST_DOMAIN_INVALID', () => withUri('spiffe://cluster.local:443/ns/default/sa/web')],
    ['user', 'SPIFFE_TRUST_DOMAIN_INVALID', () => withUri('spiffe://me@cluster.local/ns/default/sa/web')],
    ['no trust domain', 'SPIFFE_TRUST_DOMAIN_INVALID', () => withUri('spiffe:///ns/default/sa/web')],
    [
      '..',
      'SPIFFE_PATH_DOT_SEGMENT',
      () => withUri('spiffe://cluster.local/ns/default/../kube-system/sa/web'),
    ],
    ['a dot segment', 'SPIFFE_PATH_DOT_SEGMENT', () => withUri('spiffe://cluster.local/ns/./sa/web')],
    ['%2e', 'SPIFFE_PATH_CHARACTER', () => withUri('spiffe://cluster.local/ns/%2e%2e/sa/web')],
    ['query', 'SPIFFE_PATH_CHARACTER', () => withUri(`${exampleId}?admin`)],
    ['empty segment', 'SPIFFE_PATH_EMPTY_SEGMENT', () => withUri('spiffe://cluster.local/ns//sa/web')],
    ['trailing slash', 'SPIFFE_PATH_EMPTY_SEGMENT', () => withUri(`${exampleId}/`)],
  ];
  test.each(cases)('%s: %s', (_, code, der) => {
    const bytes = der();
    expect(refusalOf(() => accept(bytes))).toBe(code);
  });
});

function manyExtensions(count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) =>
    extension(tlv(0x06, Buffer.from([0x2a, n])).toString('hex'), NULL),
  );
}

const named = (value: Buffer): Buffer => seq(set(seq(OID.commonName, value)));

function manyNames(count: number): Buffer {
  return seq(...Array.from({ length: count }, () => set(seq(OID.commonName, ascii(0x0c, 'a')))));
}

function manyOids(count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => tlv(0x06, Buffer.from([0x2a, n])));
}
