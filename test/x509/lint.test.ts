import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorRow } from '#errors/error.ts';
import type { WriteDer } from '#x509/der/builder.ts';
import type { X509Code } from '#x509/error.ts';
import { X509Error } from '#x509/error.ts';
import { type ApprovedLeaf, lintLeaf } from '#x509/lint.ts';
import { encodeTbsCertificate, type TbsCertificate } from '#x509/tbs-certificate.ts';
import { leafOf, newChain, newKey, newSerial, start } from './support/chain.ts';
import { ascii, bits, contentsOf, FALSE, int, OID, octets, seq, TRUE, tlv, utc } from './support/der.ts';
import { refusalOf } from './support/refusal.ts';
import { altNames, exampleId, extension, uriName } from './support/request.ts';

const { approved, leafTbs, issuing } = newChain();
const tbs = encodeTbsCertificate(leafTbs);
const otherKey = newKey();

const written = (change: Partial<TbsCertificate>): Buffer => encodeTbsCertificate({ ...leafTbs, ...change });
const lint = (bytes: Buffer, wanted: ApprovedLeaf = approved): X509Code =>
  refusalOf(() => lintLeaf(bytes, wanted));

/** Position of each extension in the leaf. */
const at = { keyUsage: 0, purposes: 1, basicConstraints: 2, subjectKeyId: 3, authorityKeyId: 4, names: 5 };

const asItStands =
  (bytes: Buffer): WriteDer =>
  (der) =>
    der.put(bytes);

/** The leaf with one extension replaced, or left out. */
function withExtension(index: number, ...replacement: readonly Buffer[]): Buffer {
  return written({ extensions: leafTbs.extensions.toSpliced(index, 1, ...replacement.map(asItStands)) });
}

test('the leaf that was approved passes', () => {
  expect(() => lintLeaf(tbs, approved)).not.toThrow();
});

describe('a leaf that differs from what was approved', () => {
  const differences: readonly (readonly [string, X509Code, Partial<ApprovedLeaf>])[] = [
    ['another serial', 'LINT_SERIAL', { serial: newSerial() }],
    ['another signature algorithm', 'LINT_SIGNATURE_ALGORITHM', { signatureAlgorithm: 'ecdsa-with-SHA384' }],
    ['another issuer', 'LINT_ISSUER', { issuer: newChain().approved.issuer }],
    ['another beginning', 'LINT_VALIDITY', { notBefore: approved.notBefore - 1 }],
    ['another end', 'LINT_VALIDITY', { notAfter: approved.notAfter + 1 }],
    ['another key', 'LINT_PUBLIC_KEY', { spki: otherKey.publicKey.spki }],
    ['another key usage', 'LINT_KEY_USAGE', { keyUsage: ['digitalSignature', 'keyAgreement'] }],
    ['fewer purposes', 'LINT_EXTENDED_KEY_USAGE', { extendedKeyUsage: ['serverAuth'] }],
    ['another authority key id', 'LINT_AUTHORITY_KEY_ID', { authorityKeyId: '01'.repeat(20) }],
    ['another id', 'LINT_SUBJECT_ALT_NAME', { spiffeUri: `${exampleId}2` }],
  ];
  test.each(differences)('%s', (_, code, difference) => {
    expect(lint(tbs, { ...approved, ...difference })).toBe(code);
    // The same difference the other way round: approved as it was, written otherwise.
    expect(lint(encodeTbsCertificate(leafOf({ ...approved, ...difference })))).toBe(code);
  });

  test('more purposes than written', () => {
    const only = leafOf({ ...approved, extendedKeyUsage: ['serverAuth'] });
    expect(lint(encodeTbsCertificate(only))).toBe('LINT_EXTENDED_KEY_USAGE');
  });

  test('every bit of the certificate is looked at', () => {
    fc.assert(
      fc.property(fc.nat(tbs.length - 1), fc.nat(7), (index, bit) => {
        const flipped = Buffer.from(tbs);
        flipped.writeUInt8(flipped.readUInt8(index) ^ (1 << bit), index);
        expect(lint(flipped)).toMatch(/^LINT_/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a leaf that no approval makes right', () => {
  const wrong: readonly (readonly [string, X509Code, Partial<ApprovedLeaf>])[] = [
    ['serial zero', 'LINT_SERIAL', { serial: Buffer.from([0]) }],
    ['serial of 21 octets', 'LINT_SERIAL', { serial: Buffer.alloc(21, 1) }],
    ['serial of 20 octets and a sign octet', 'LINT_SERIAL', { serial: Buffer.alloc(20, 0xff) }],
    ['empty issuer', 'LINT_ISSUER', { issuer: seq() }],
    ['no time at all', 'LINT_VALIDITY', { notAfter: approved.notBefore }],
    ['an end before the beginning', 'LINT_VALIDITY', { notAfter: start - 1000 }],
    ['signs certificates', 'LINT_KEY_USAGE', { keyUsage: ['digitalSignature', 'keyCertSign'] }],
    ['signs revocation lists', 'LINT_KEY_USAGE', { keyUsage: ['digitalSignature', 'cRLSign'] }],
    ['does not sign', 'LINT_KEY_USAGE', { keyUsage: ['keyAgreement'] }],
    ['signs code', 'LINT_EXTENDED_KEY_USAGE', { extendedKeyUsage: ['serverAuth', 'codeSigning'] }],
    ['any purpose', 'LINT_EXTENDED_KEY_USAGE', { extendedKeyUsage: ['anyExtendedKeyUsage'] }],
    ['id without path', 'LINT_SUBJECT_ALT_NAME', { spiffeUri: 'spiffe://cluster.local' }],
    ['id with a dot segment', 'LINT_SUBJECT_ALT_NAME', { spiffeUri: 'spiffe://cluster.local/a/../b' }],
    ['id that ends in a slash', 'LINT_SUBJECT_ALT_NAME', { spiffeUri: 'spiffe://cluster.local/a/' }],
    ['id of another scheme', 'LINT_SUBJECT_ALT_NAME', { spiffeUri: 'https://cluster.local/a' }],
    ['id in upper case', 'LINT_SUBJECT_ALT_NAME', { spiffeUri: 'spiffe://Cluster.local/a' }],
    ['id of 2049 bytes', 'LINT_SUBJECT_ALT_NAME', { spiffeUri: `spiffe://td/${'a'.repeat(2037)}` }],
    ['empty authority key id', 'LINT_AUTHORITY_KEY_ID', { authorityKeyId: '' }],
  ];
  test.each(wrong)('%s', (_, code, change) => {
    const leaf = { ...approved, ...change };
    expect(lint(encodeTbsCertificate(leafOf(leaf)), leaf)).toBe(code);
  });

  test('a serial that became negative', () => {
    const rest = contentsOf(tbs).subarray(5 + 18);
    const negative = seq(tlv(0xa0, int('02')), int('80'), rest);
    expect(lint(negative, { ...approved, serial: Buffer.from([0x80]) })).toBe('LINT_SERIAL');
    const positive = seq(tlv(0xa0, int('02')), int('0080'), rest);
    expect(() => lintLeaf(positive, { ...approved, serial: Buffer.from([0x80]) })).not.toThrow();
  });

  test('a key usage or purposes that nobody approved', () => {
    expect(lint(tbs, { ...approved, extendedKeyUsage: [] })).toBe('LINT_EXTENDED_KEY_USAGE');
    expect(
      lint(withExtension(at.purposes, extension(OID.extendedKeyUsage, seq())), {
        ...approved,
        extendedKeyUsage: [],
      }),
    ).toBe('LINT_EXTENDED_KEY_USAGE');
    expect(lint(tbs, { ...approved, keyUsage: [] })).toBe('LINT_KEY_USAGE');
  });

  const san = seq(uriName(exampleId));
  const shapes: readonly (readonly [string, X509Code, Buffer])[] = [
    ['an issuing certificate', 'LINT_SERIAL', tbsOf(issuing)],
    ['a subject', 'LINT_SUBJECT', written({ subject: approved.issuer })],
    ['no key usage', 'LINT_EXTENSION_MISSING', withExtension(at.keyUsage)],
    ['no purposes', 'LINT_EXTENSION_MISSING', withExtension(at.purposes)],
    ['no authority key id', 'LINT_EXTENSION_MISSING', withExtension(at.authorityKeyId)],
    ['no name', 'LINT_EXTENSION_MISSING', withExtension(at.names)],
    [
      'an extension twice',
      'LINT_EXTENSION_DUPLICATE',
      written({
        extensions: [...leafTbs.extensions, asItStands(extension(OID.subjectAltName, san, TRUE))],
      }),
    ],
    [
      'an extension of its own',
      'LINT_EXTENSION_UNEXPECTED',
      withExtension(at.basicConstraints, extension(OID.nameConstraints, seq())),
    ],
    [
      'key usage not critical',
      'LINT_CRITICALITY',
      withExtension(at.keyUsage, extension(OID.keyUsage, bits(7, '80'))),
    ],
    ['names not critical', 'LINT_CRITICALITY', withExtension(at.names, altNames(uriName(exampleId)))],
    [
      'authority key id critical',
      'LINT_CRITICALITY',
      withExtension(
        at.authorityKeyId,
        extension(OID.authorityKeyId, seq(tlv(0x80, approved.authorityKeyId)), TRUE),
      ),
    ],
    [
      'cA',
      'LINT_BASIC_CONSTRAINTS',
      withExtension(at.basicConstraints, extension(OID.basicConstraints, seq(TRUE), TRUE)),
    ],
    [
      'cA = FALSE spelled out',
      'LINT_BASIC_CONSTRAINTS',
      withExtension(at.basicConstraints, extension(OID.basicConstraints, seq(FALSE), TRUE)),
    ],
    [
      'key id of another key',
      'LINT_SUBJECT_KEY_ID',
      withExtension(at.subjectKeyId, extension(OID.subjectKeyId, octets(otherKey.publicKey.keyId))),
    ],
    [
      'a second URI',
      'LINT_MALFORMED',
      withExtension(
        at.names,
        extension(OID.subjectAltName, seq(uriName(exampleId), uriName(exampleId)), TRUE),
      ),
    ],
    [
      'a DNS name besides',
      'LINT_MALFORMED',
      withExtension(
        at.names,
        extension(OID.subjectAltName, seq(uriName(exampleId), ascii(0x82, 'web')), TRUE),
      ),
    ],
    [
      'a DNS name instead',
      'LINT_MALFORMED',
      withExtension(at.names, extension(OID.subjectAltName, seq(ascii(0x82, 'web')), TRUE)),
    ],
    [
      'issuer and serial in the authority key id',
      'LINT_MALFORMED',
      withExtension(
        at.authorityKeyId,
        extension(OID.authorityKeyId, seq(tlv(0x80, approved.authorityKeyId), tlv(0x82, '01'))),
      ),
    ],
    ['trailing bytes', 'LINT_MALFORMED', Buffer.concat([tbs, Buffer.from([0])])],
    ['nothing', 'LINT_MALFORMED', Buffer.alloc(0)],
    ['version 1', 'LINT_MALFORMED', seq(contentsOf(tbs).subarray(5))],
    ['version 2', 'LINT_VERSION', seq(tlv(0xa0, int('01')), contentsOf(tbs).subarray(5))],
    [
      'a negative serial',
      'LINT_SERIAL',
      seq(tlv(0xa0, int('02')), int('80'), contentsOf(tbs).subarray(5 + 18)),
    ],
    ['a unique id', 'LINT_MALFORMED', withUniqueId()],
    [
      'GeneralizedTime before 2050',
      'LINT_MALFORMED',
      withValidity(seq(utc('260921141220Z'), ascii(0x18, '20260922141320Z'))),
    ],
  ];
  test.each(shapes)('%s', (_, code, bytes) => {
    expect(lint(bytes)).toBe(code);
  });
});

/** The TBSCertificate within a certificate. */
function tbsOf(certificate: Buffer): Buffer {
  const contents = contentsOf(certificate);
  return contents.subarray(0, 4 + contents.readUInt16BE(2));
}

function withUniqueId(): Buffer {
  const contents = contentsOf(tbs);
  const extensions = contents.indexOf(Buffer.from([0xa3, 0x81]));
  return seq(contents.subarray(0, extensions), tlv(0x81, '00aa'), contents.subarray(extensions));
}

function withValidity(validity: Buffer): Buffer {
  const contents = contentsOf(tbs);
  const found = contents.indexOf(Buffer.from([0x30, 0x1e, 0x17, 0x0d]));
  return seq(contents.subarray(0, found), validity, contents.subarray(found + 32));
}

test('a finding is a fault of ours: the requester may try again', () => {
  try {
    lintLeaf(Buffer.alloc(0), approved);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(X509Error);
    expect(errorRow(error)).toMatchObject({ retryable: true, http: 500 });
  }
});

describe('independence', () => {
  const folder = join(import.meta.dirname, '../../src');
  /** Files that a file needs at run time, itself included; type imports vanish. */
  function needs(file: string, found = new Set<string>()): Set<string> {
    found.add(file);
    const source = readFileSync(join(folder, file), 'utf8');
    for (const [, clause = '', imported = ''] of source.matchAll(/^import ([^;]*?) from '#([^']+)';/gms)) {
      const typesOnly =
        clause.startsWith('type ') ||
        clause
          .replace(/[{}\s]/g, '')
          .split(',')
          .filter(Boolean)
          .every((name) => name.startsWith('type'));
      if (!typesOnly && !found.has(imported)) needs(imported, found);
    }
    return found;
  }

  test('the lint shares nothing with the writer but the error class', () => {
    const lintNeeds = needs('x509/lint.ts');
    const writerNeeds = new Set([...needs('x509/tbs-certificate.ts'), ...needs('x509/extension.ts')]);
    expect(lintNeeds).toContain('x509/der/reader.ts');
    expect(writerNeeds).toContain('x509/der/writer.ts');
    expect([...lintNeeds].filter((file) => writerNeeds.has(file))).toEqual(['x509/error.ts']);
  });
});
