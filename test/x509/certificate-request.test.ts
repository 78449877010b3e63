import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatName } from '#x509/name.ts';
import { parsePem } from '#x509/pem.ts';
import { openssl, opensslAcceptsRequest } from '../oracle/openssl.ts';
import { peculiarAcceptsRequest } from '../oracle/peculiar.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { accept } from './support/accept.ts';
import { algorithm, ascii, bits, int, NULL, OID, octets, seq, set, TRUE, tlv } from './support/der.ts';
import { refusalOf } from './support/refusal.ts';
import {
  altNames,
  exampleId,
  extension,
  extensionRequest,
  requestWith,
  signedRequest,
  spkiOf,
  uriName,
} from './support/request.ts';

describe('requests made by OpenSSL', () => {
  function request(genpkey: readonly string[], options: readonly string[]): Buffer {
    const keyFile = join(scratchDirectory(), 'key.pem');
    writeFileSync(keyFile, openssl(['genpkey', ...genpkey]).stdout);
    const { ok, stdout, stderr } = openssl(['req', '-new', '-key', keyFile, ...options]);
    expect(ok, stderr).toBe(true);
    const [der] = parsePem(stdout, 'CERTIFICATE REQUEST');
    return der ?? expect.fail('no request');
  }

  const ec = (curve: string): string[] => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`];
  const rsa = (size: number): string[] => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${size}`];
  test.each([
    ['ECDSA-P256', 'ecdsa-with-SHA256', ec('P-256'), []],
    ['ECDSA-P256', 'ecdsa-with-SHA512', ec('P-256'), ['-sha512']],
    ['ECDSA-P384', 'ecdsa-with-SHA384', ec('P-384'), ['-sha384']],
    ['ECDSA-P521', 'ecdsa-with-SHA512', ec('P-521'), ['-sha512']],
    ['Ed25519', 'Ed25519', ['-algorithm', 'ED25519'], []],
    ['RSA-2048', 'sha256WithRSAEncryption', rsa(2048), []],
    ['RSA-3072', 'sha384WithRSAEncryption', rsa(3072), ['-sha384']],
  ])('%s with %s', (keyAlgorithm, signatureAlgorithm, genpkey, options) => {
    const names = `subjectAltName=URI:${exampleId},DNS:web.default.svc,IP:10.0.0.1,email:a@b.c`;
    const usage = [
      '-addext',
      'keyUsage=critical,digitalSignature',
      '-addext',
      'extendedKeyUsage=serverAuth,1.2.3.4',
    ];
    const der = request(genpkey, ['-subj', '/O=Mangrove/CN=web', '-addext', names, ...usage, ...options]);
    const read = accept(der);
    expect(read.publicKey.algorithm).toBe(keyAlgorithm);
    expect(read.signatureAlgorithm).toBe(signatureAlgorithm);
    expect(formatName(read.subject)).toBe('CN=web,O=Mangrove');
    expect(read.subjectAltNames).toEqual([
      { kind: 'uri', value: exampleId },
      { kind: 'dns', value: 'web.default.svc' },
      { kind: 'ip', value: Buffer.from([10, 0, 0, 1]) },
      { kind: 'email', value: 'a@b.c' },
    ]);
    expect(read.keyUsage).toEqual(['digitalSignature']);
    expect(read.extendedKeyUsage).toEqual(['serverAuth', '1.2.3.4']);
    expect(read.ca).toBe(false);
  });

  test('an empty subject and no extensions', () => {
    const read = accept(request(ec('P-256'), ['-subj', '/']));
    expect(read).toMatchObject({
      subjectAltNames: [],
      ca: false,
      keyUsage: undefined,
      extendedKeyUsage: undefined,
    });
    expect(formatName(read.subject)).toBe('');
  });

  test('names of every other kind are kept as they stand', () => {
    const other = 'subjectAltName=otherName:1.2.3.4;UTF8:me,RID:1.2.3.4';
    const read = accept(request(ec('P-256'), ['-subj', '/', '-addext', other]));
    expect(read.subjectAltNames).toMatchObject([
      { kind: 'other', tag: 0 },
      { kind: 'other', tag: 8, der: Buffer.from('88032a0304', 'hex') },
    ]);
  });
});

describe('requests at the limits', () => {
  const unused = (n: number): Buffer => extension(tlv(0x06, Buffer.from([0x2a, n])).toString('hex'), NULL);
  const ed25519 = generateKeyPairSync('ed25519');
  const cases: readonly (readonly [string, Buffer])[] = [
    ['the example', signedRequest()],
    ['no attribute', signedRequest({ attributes: [] })],
    ['32 names', requestWith(altNames(...Array.from({ length: 32 }, () => uriName(exampleId))))],
    ['20 extensions', requestWith(...Array.from({ length: 20 }, (_, n) => unused(n)))],
    ['an unknown extension that is not critical', requestWith(altNames(uriName(exampleId)), unused(1))],
    ['a critical SAN', requestWith(extension(OID.subjectAltName, seq(uriName(exampleId)), TRUE))],
    ['another attribute', signedRequest({ attributes: [seq(OID.unstructuredName, set(ascii(0x0c, 'a')))] })],
    [
      'two attributes',
      signedRequest({
        attributes: [seq(OID.unstructuredName, set(ascii(0x0c, 'a'))), extensionRequest(unused(1))].sort(
          (a, b) => Buffer.compare(a, b),
        ),
      }),
    ],
    ['CA:TRUE', requestWith(extension(OID.basicConstraints, seq(TRUE, int('00')), TRUE))],
    ['cA = FALSE', requestWith(extension(OID.basicConstraints, seq()))],
    ['every key usage', requestWith(extension(OID.keyUsage, bits(7, 'ff80'), TRUE))],
    ['16 KiB', sized(16 * 1024)],
    [
      'Ed25519',
      signedRequest({
        spki: spkiOf(ed25519.publicKey),
        key: ed25519.privateKey,
        hash: null,
        algorithm: algorithm.ed25519,
      }),
    ],
  ];

  test.each(cases)('%s is accepted by us, by OpenSSL and by @peculiar/x509', async (_, der) => {
    expect(() => accept(der)).not.toThrow();
    expect(opensslAcceptsRequest(der)).toBe(true);
    await expect(peculiarAcceptsRequest(der)).resolves.toBe(true);
  });

  test('one byte above 16 KiB is too much', () => {
    expect(refusalOf(() => accept(sized(16 * 1024 + 1)))).toBe('CSR_TOO_LARGE');
  });

  test('CA:TRUE is reported, not refused', () => {
    expect(accept(requestWith(extension(OID.basicConstraints, seq(TRUE)))).ca).toBe(true);
    expect(accept(requestWith(extension(OID.basicConstraints, seq()))).ca).toBe(false);
  });

  test('the ninth key usage is in the second octet', () => {
    expect(accept(requestWith(extension(OID.keyUsage, bits(7, '0080')))).keyUsage).toEqual(['decipherOnly']);
  });
});

/** A request of exactly so many bytes; an ECDSA signature varies by a few, Ed25519 does not. */
function sized(length: number): Buffer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const of = (padding: number): Buffer =>
    signedRequest({
      spki: spkiOf(publicKey),
      key: privateKey,
      hash: null,
      algorithm: algorithm.ed25519,
      attributes: [extensionRequest(extension('06032a0304', octets(Buffer.alloc(padding))))],
    });
  const der = of(length - (of(length - 500).length - (length - 500)));
  expect(der.length).toBe(length);
  return der;
}
