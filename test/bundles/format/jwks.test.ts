import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Anchor, parseAnchor } from '#bundles/bundle/anchor.ts';
import type { Bundle } from '#bundles/bundle/bundle.ts';
import { jwks } from '#bundles/format/jwks.ts';
import { parsePem } from '#x509/pem.ts';
import { anchorOf, bundleOf, documentOf, type Key, keyOf, spkiOfCertificate, spkiOfKey } from './jwk-set.ts';
import { keyTypes } from './key-types.ts';

const { encode, decode } = jwks;

function expectKeysOf({ anchors }: Bundle, keys: readonly Key[]): void {
  expect(keys).toHaveLength(anchors.length);
  for (const [index, { der }] of anchors.entries()) {
    const key = keys[index] ?? {};
    expect(spkiOfKey(key)).toEqual(spkiOfCertificate(der));
    // OpenSSL also takes numbers that are spelt otherwise; other readers do not.
    expect(key).toEqual({
      ...new X509Certificate(der).publicKey.export({ format: 'jwk' }),
      use: 'x509-svid',
      x5c: [der.toString('base64')],
    });
  }
}

/** A root whose public point has a coordinate that begins with a zero. */
function anchorWithShort(coordinate: 'x' | 'y'): Promise<Anchor> {
  for (;;) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const number = publicKey.export({ format: 'jwk' })[coordinate] ?? '';
    if (Buffer.from(number, 'base64url')[0] !== 0) continue;
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const keys = {
      privateKey: privateKey.toCryptoKey(algorithm, true, ['sign']),
      publicKey: publicKey.toCryptoKey(algorithm, true, ['verify']),
    };
    return anchorOf(undefined, { keys });
  }
}

describe('a SPIFFE bundle', () => {
  const order: readonly [type: string, members: string][] = Object.keys(keyTypes).map((type) => {
    if (type.startsWith('RSA')) return [type, 'kty n e use x5c'];
    return [type, type === 'Ed25519' ? 'kty crv x use x5c' : 'kty crv x y use x5c'];
  });

  it.each(order)('has the very key of a %s root, in the members %s', async (type, members) => {
    const anchor = await anchorOf(keyTypes[type]);
    const key = keyOf(anchor);
    expectKeysOf(bundleOf(anchor), [key]);
    expect(Object.keys(key).join(' ')).toBe(members);
  });

  it('has the very keys of any roots', async () => {
    const types = fc.constantFrom('ECDSA-P256', 'ECDSA-P384', 'ECDSA-P521', 'Ed25519');
    await fc.assert(
      fc.asyncProperty(fc.array(types, { minLength: 1, maxLength: 5 }), async (types) => {
        const bundle = bundleOf(...(await Promise.all(types.map((type) => anchorOf(keyTypes[type])))));
        expectKeysOf(bundle, documentOf(bundle).keys);
      }),
    );
  });

  it.each(['x', 'y'] as const)('keeps the zero that %s begins with', async (coordinate) => {
    const anchor = await anchorWithShort(coordinate);
    expectKeysOf(bundleOf(anchor), [keyOf(anchor)]);
  });

  it('can be made of the roots that browsers trust', () => {
    const anchors = getCACertificates('bundled').flatMap((pem) => {
      try {
        return parsePem(pem, 'CERTIFICATE').map((der) => parseAnchor(der, 'root'));
      } catch {
        return [];
      }
    });
    const bundle = bundleOf(...anchors);
    expect(bundle.anchors.length).toBeGreaterThan(90);
    expectKeysOf(bundle, documentOf(bundle).keys);
    expect(decode(encode(bundle))?.size).toBe(bundle.anchors.length);
  });

  it('is compact, and has a hint but no sequence', async () => {
    const text = encode(bundleOf(await anchorOf(), await anchorOf()));
    const key = '\\{"kty":"EC",[^ \\n{}]+\\}';
    expect(text).toMatch(new RegExp(`^\\{"keys":\\[${key},${key}\\],"spiffe_refresh_hint":300\\}\\n$`));
  });

  it('has at most 1048576 bytes, also where the PEM is shorter', async () => {
    const anchor = await anchorOf();
    const times = (count: number): Bundle => ({
      ...bundleOf(anchor),
      anchors: [anchor, ...Array<Anchor>(count - 1).fill(anchor)],
    });
    const [one, two] = [encode(times(1)).length, encode(times(2)).length];
    const most = 1 + Math.floor((1_048_576 - one) / (two - one));
    expect(encode(times(most)).length).toBe(one + (most - 1) * (two - one));
    expect(() => encode(times(most + 1))).toThrow(
      expect.objectContaining({
        code: 'BUNDLE_TOO_LARGE',
        message: `${most + 1} anchors of east.test are ${one + most * (two - one)} bytes of JWKS; the limit is 1048576`,
      }),
    );
  });
});
