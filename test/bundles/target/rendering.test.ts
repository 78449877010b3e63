import { describe, expect, it } from 'vitest';
import { parseAnchor } from '#bundles/bundle/anchor.ts';
import type { Bundle } from '#bundles/bundle/bundle.ts';
import { makeBundle } from '#bundles/bundle/bundle.ts';
import { render, says } from '#bundles/target/rendering.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';
import { makeRoot } from '../support/roots.ts';

/** A bundle of which only the length of its PEM matters. */
const bundleOf = (bytes: number): Bundle => ({
  trustDomain: 'east.test',
  anchors: [fabricatedAnchor('a')],
  pem: 'x'.repeat(bytes),
  sha256: '0',
});
const pemAt = (...keys: string[]) => keys.map((key) => ({ key, format: 'pem' as const }));

describe('all keys together', () => {
  it.each([
    ['one key', 1_048_576, ['a']],
    ['two keys', 524_288, ['a', 'b']],
  ])('may have 1,048,576 bytes, under %s', (_what, bytes, keys) => {
    expect(render(bundleOf(bytes), pemAt(...keys)).keys.map(({ key }) => key)).toEqual(keys);
  });

  it.each([
    ['one key', 1_048_577, ['a']],
    ['two keys', 524_289, ['a', 'b']],
  ])('may not have more, under %s', (_what, bytes, keys) => {
    expect(() => render(bundleOf(bytes), pemAt(...keys))).toThrow(
      expect.objectContaining({ code: 'BUNDLE_TOO_LARGE', message: expect.stringContaining('1048576') }),
    );
  });
});

describe('a rendering', () => {
  it('is another one for another key, format or set, and the same for the same', async () => {
    const [a, b] = [await makeRoot(), await makeRoot()].map((der) => parseAnchor(der, 'root'));
    if (a === undefined || b === undefined) throw new Error('no roots');
    const [one, both] = [makeBundle('east.test', [a]), makeBundle('east.test', [b, a])];
    const digests = [
      render(one, pemAt('a')),
      render(one, pemAt('b')),
      render(both, pemAt('a')),
      render(one, [{ key: 'a', format: 'jwks' }]),
    ].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(4);
    expect(render(makeBundle('east.test', [a, b]), pemAt('a')).digest).toBe(digests[2]);
  });

  it('is compared by its set', async () => {
    const anchors = [await makeRoot(), await makeRoot()].map((der) => parseAnchor(der, 'root'));
    const bundle = makeBundle('east.test', anchors);
    const [key] = render(bundle, pemAt('a')).keys;
    if (key === undefined) throw new Error('no key');
    const blocks = bundle.pem.split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(says(blocks.toReversed().join(''), key, bundle)).toBe(true);
    expect(says(bundle.pem.replaceAll('\n', '\r\n'), key, bundle)).toBe(true);
    expect(says(blocks[0], key, bundle)).toBe(false);
    expect(says(`${bundle.pem}damaged`, key, bundle)).toBe(false);
    expect(says(undefined, key, bundle)).toBe(false);
  });
});
