import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { admission, LEAD_SECONDS, parseAnchor, parseAnchorsPem } from '#bundles/bundle/anchor.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';
import {
  makeIntermediate,
  makeKeys,
  makeRoot,
  opensslRoot,
  pem,
  ROOT_CONFIG,
  rootExtensions,
  spiffeUri,
  x509,
} from '../support/roots.ts';

const rsa = (modulusLength: number) => ({
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength,
  publicExponent: new Uint8Array([1, 0, 1]),
});
const refuses = (der: Buffer, code: string) =>
  expect(() => parseAnchor(der, 'certificate 1')).toThrow(expect.objectContaining({ code }));

describe('a root', () => {
  it.each([
    ['ECDSA P-256', { name: 'ECDSA', namedCurve: 'P-256' }],
    ['ECDSA P-384', { name: 'ECDSA', namedCurve: 'P-384' }],
    ['ECDSA P-521', { name: 'ECDSA', namedCurve: 'P-521' }],
    ['Ed25519', { name: 'Ed25519' }],
    ['RSA 2048', rsa(2048)],
    ['RSA 4096', rsa(4096)],
  ])('with a key of %s is read as OpenSSL reads it', async (_name, algorithm) => {
    const der = await makeRoot({ algorithm, subject: 'CN=root, O=Mangrove' });
    const anchor = parseAnchor(der, 'certificate 1');
    const oracle = new X509Certificate(der);
    expect(anchor.der).toEqual(der);
    expect(anchor.sha256).toBe(oracle.fingerprint256.replaceAll(':', '').toLowerCase());
    expect(anchor.notBefore).toBe(oracle.validFromDate.getTime() / 1000);
    expect(anchor.notAfter).toBe(oracle.validToDate.getTime() / 1000);
    expect(anchor.subject).toContain('O=Mangrove');
  });

  it('by OpenSSL is accepted', () => {
    expect(parseAnchor(opensslRoot(), 'certificate 1').subject).toBe('CN=root by OpenSSL');
  });

  it.each([
    ['spiffe://west.test', 'west.test'],
    ['SPIFFE://west.test/', 'west.test'],
    ['https://west.test/', undefined],
  ])('with the URI %s names the trust domain %s', async (uri, trustDomain) => {
    const der = await makeRoot({ extensions: [...rootExtensions(), spiffeUri(uri)] });
    expect(parseAnchor(der, 'certificate 1').spiffeTrustDomain).toBe(trustDomain);
  });
});

describe('refused as an anchor', () => {
  const keyUsage = new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true);
  const ca = new x509.BasicConstraintsExtension(true, undefined, true);

  it.each([
    [
      'a leaf',
      'BUNDLE_ANCHOR_NOT_CA',
      [new x509.BasicConstraintsExtension(false, undefined, true), keyUsage],
    ],
    ['no basicConstraints', 'BUNDLE_ANCHOR_NOT_CA', [keyUsage]],
    [
      'basicConstraints not critical',
      'BUNDLE_ANCHOR_NOT_CA',
      [new x509.BasicConstraintsExtension(true, undefined, false), keyUsage],
    ],
    ['no keyUsage', 'BUNDLE_ANCHOR_KEY_USAGE', [ca]],
    [
      'keyUsage without keyCertSign',
      'BUNDLE_ANCHOR_KEY_USAGE',
      [ca, new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true)],
    ],
    [
      'an unknown critical extension',
      'BUNDLE_ANCHOR_EXTENSION',
      [ca, keyUsage, new x509.Extension('1.3.6.1.4.1.99999.1', true, new Uint8Array([5, 0]))],
    ],
  ])('%s: %s', async (_what, code, extensions) => {
    refuses(await makeRoot({ extensions }), code);
  });

  it('an unknown extension that is not critical is not', async () => {
    const unknown = new x509.Extension('1.3.6.1.4.1.99999.1', false, new Uint8Array([5, 0]));
    const der = await makeRoot({ extensions: [ca, keyUsage, unknown] });
    expect(() => parseAnchor(der, 'certificate 1')).not.toThrow();
  });

  it('an intermediate, with a message that says what to give instead', async () => {
    const der = await makeIntermediate();
    refuses(der, 'BUNDLE_ANCHOR_NOT_SELF_SIGNED');
    expect(() => parseAnchor(der, 'certificate 1')).toThrow(
      'certificate 1 (CN=intermediate): issued by CN=root, so it is no root; give the root instead',
    );
  });

  it('a certificate that names itself as issuer but that another key signed', async () => {
    const [inner, other] = [await makeKeys(), await makeKeys()];
    const mixed = { publicKey: inner.publicKey, privateKey: other.privateKey };
    refuses(await makeRoot({ keys: mixed }), 'BUNDLE_ANCHOR_SIGNATURE');
  });

  it('a root with one altered bit in its signature or its content', async () => {
    const der = await makeRoot({ subject: 'CN=abcdefgh' });
    const altered = Buffer.from(der);
    altered[altered.indexOf('abcdefgh')] = 'b'.charCodeAt(0);
    altered[altered.lastIndexOf('abcdefgh')] = 'b'.charCodeAt(0);
    refuses(altered, 'BUNDLE_ANCHOR_SIGNATURE');
  });

  it.each([
    ['a negative serial', ['-key', 'key.pem', '-set_serial', '-5']],
    ['an MD5 signature', ['-newkey', 'rsa:2048', '-nodes', '-keyout', 'rsa.pem', '-md5']],
    ['a key of RSA 1024', ['-newkey', 'rsa:1024', '-nodes', '-keyout', 'rsa.pem']],
  ])('%s', (_what, args) => {
    refuses(opensslRoot(args), 'BUNDLE_ANCHOR_MALFORMED');
  });

  it('an X.509 version 1 root', () => {
    const der = opensslRoot(undefined, ROOT_CONFIG.replace('x509_extensions = ext', ''));
    expect(new X509Certificate(der).toLegacyObject().ca).toBe(false);
    refuses(der, 'BUNDLE_ANCHOR_NOT_V3');
  });

  it.each([
    ['trailing bytes', (der: Buffer) => Buffer.concat([der, Buffer.from([0])])],
    ['its end cut off', (der: Buffer) => der.subarray(0, -1)],
    ['no bytes at all', () => Buffer.alloc(0)],
  ])('%s', async (_what, damage) => {
    refuses(damage(await makeRoot()), 'BUNDLE_ANCHOR_MALFORMED');
  });
});

describe('a PEM source', () => {
  it('gives every anchor', async () => {
    const roots = [await makeRoot(), await makeRoot()];
    expect(parseAnchorsPem(roots.map((der) => pem(der)).join('\n')).map((anchor) => anchor.der)).toEqual(
      roots,
    );
  });

  it.each([
    ['a damaged block in its middle', (good: string) => good + good.replace(/M[A-Za-z]{3}/, 'M*zz') + good],
    ['a block that lost its end', (good: string) => good.replace('-----END CERTIFICATE-----\n', '') + good],
    ['PEM headers', (good: string) => good.replace('-----\n', '-----\nProc-Type: 4,ENCRYPTED\n\n')],
    ['text between blocks', (good: string) => `${good}# our second root\n${good}`],
    ['a private key pasted in', (good: string) => good + pem(Buffer.from('secret bytes'), 'PRIVATE KEY')],
    ['nothing', () => ''],
    ['bytes that are no UTF-8', () => Buffer.from([0xff, 0xfe, 0x2d])],
  ])('with %s fails as a whole', async (_what, make) => {
    const text = make(pem(await makeRoot()));
    expect(() => parseAnchorsPem(text)).toThrow(expect.objectContaining({ code: 'BUNDLE_PEM_INVALID' }));
  });

  it('never shows its bytes in the error', async () => {
    const key = pem(Buffer.from('secret bytes of a key'), 'PRIVATE KEY');
    const shown = (() => {
      try {
        return parseAnchorsPem(pem(Buffer.from('x')) + key).length;
      } catch (error) {
        return String(error) + String((error as Error).cause);
      }
    })();
    expect(shown).toContain('not a list of certificates');
    expect(shown).not.toContain(Buffer.from('secret bytes').toString('base64').slice(0, 8));
  });

  it('with one refused certificate fails as a whole and says which', async () => {
    const text = pem(await makeRoot()) + pem(await makeIntermediate());
    expect(() => parseAnchorsPem(text)).toThrow(/^certificate 2 /);
  });
});

describe('the time of an anchor', () => {
  const anchor = fabricatedAnchor('a', { notBefore: 100_000, notAfter: 200_000 });

  it('begins a lead before notBefore and ends after the second of notAfter', () => {
    const joins = 100_000 - LEAD_SECONDS;
    expect(admission(anchor, joins - 1)).toEqual({ state: 'early', until: joins });
    expect(admission(anchor, joins)).toEqual({ state: 'admitted', until: 200_001 });
    expect(admission(anchor, 200_000)).toEqual({ state: 'admitted', until: 200_001 });
    expect(admission(anchor, 200_001)).toEqual({ state: 'expired' });
  });
});
