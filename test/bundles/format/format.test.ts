import { X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Anchor, parseAnchor } from '#bundles/bundle/anchor.ts';
import { makeBundle } from '#bundles/bundle/bundle.ts';
import { formats } from '#bundles/format/format.ts';
import { makeRoot } from '../support/roots.ts';
import { keyTypes } from './key-types.ts';

let pool: Anchor[];

beforeAll(async () => {
  const roots = await Promise.all(
    Object.values(keyTypes).flatMap((algorithm) => [makeRoot({ algorithm }), makeRoot({ algorithm })]),
  );
  pool = roots.map((der) => parseAnchor(der, 'root'));
});

/** Some of the pool, in some order, with repetitions. */
const picks = fc.array(fc.nat(2 * Object.keys(keyTypes).length - 1), { minLength: 1, maxLength: 20 });
const picked = (indices: readonly number[]): Anchor[] =>
  indices.map((index) => pool[index] ?? expect.fail(`no anchor ${index}`));

it('is known by the name that it has', () => {
  expect(Object.entries(formats).map(([key, { name }]) => [key, name])).toEqual([
    ['pem', 'pem'],
    ['jwks', 'jwks'],
  ]);
});

describe.each(Object.values(formats))('$name', (format) => {
  it('gives back the certificates of a bundle, in its order', () => {
    fc.assert(
      fc.property(picks, (indices) => {
        const bundle = makeBundle('east.test', picked(indices));
        expect([...(format.decode(format.encode(bundle)) ?? [])]).toEqual(
          bundle.anchors.map(({ sha256, der }) => [sha256, der]),
        );
      }),
    );
  });

  it('knows certificates by the fingerprint that OpenSSL gives them', () => {
    for (const [sha256, der] of format.decode(format.encode(makeBundle('east.test', pool))) ?? []) {
      expect(sha256).toBe(new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase());
    }
  });

  it('is a function of the set alone, and ends in one newline', () => {
    fc.assert(
      fc.property(picks, fc.infiniteStream(fc.nat()), (indices, random) => {
        const shuffled = indices
          .concat(indices)
          .toSorted(() => ((random.next().value ?? 0) % 2 === 0 ? 1 : -1));
        const text = format.encode(makeBundle('east.test', picked(indices)));
        expect(format.encode(makeBundle('east.test', picked(shuffled)))).toBe(text);
        expect(text).toMatch(/[^\n]\n$/);
      }),
    );
  });

  it('reads a text of another kind as nothing, and throws at none', () => {
    const texts = fc.oneof(fc.string(), fc.json(), fc.constantFrom('', '\n', '{', '\u{feff}', '\u{dfff}'));
    fc.assert(fc.property(texts, (text) => format.decode(text) === undefined));
    const text = format.encode(makeBundle('east.test', pool));
    for (const other of Object.values(formats)) {
      if (other !== format) expect(other.decode(text)).toBeUndefined();
    }
  });

  it('reads a text with a damaged end as nothing', () => {
    const text = format.encode(makeBundle('east.test', pool.slice(0, 1)));
    // The newline at the end and the white space behind it are nobody's business.
    for (let length = 0; length < text.length - 1; length += 1)
      expect(format.decode(text.slice(0, length))).toBeUndefined();
    expect(format.decode(`${text}${text.slice(0, 30)}`)).toBeUndefined();
    expect(format.decode(`${text}x`)).toBeUndefined();
  });
});
