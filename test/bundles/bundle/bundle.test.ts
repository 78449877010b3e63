import { createHash, X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Anchor, parseAnchor } from '#bundles/bundle/anchor.ts';
import { bundleHash, decodePublished, makeBundle, publishes } from '#bundles/bundle/bundle.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';
import { makeRoot, pem } from '../support/roots.ts';

/** Anchors whose PEM has exactly that length: one leaves gaps, so small ones fill it up. */
function anchorsOfLength(length: number): Anchor[] {
  for (let fillers = 0; fillers < 100; fillers += 1) {
    const rest = length - fillers * pemLength(3);
    const about = 3 * Math.floor(((rest - 54) * 64) / 65 / 4);
    const bytes = [about - 3, about, about + 3].find((bytes) => pemLength(bytes) === rest);
    if (bytes === undefined) continue;
    const small = Array.from({ length: fillers }, (_, index) =>
      fabricatedAnchor(`${index}`.padStart(3, '0')),
    );
    return [...small, fabricatedAnchor('x'.repeat(bytes))];
  }
  throw new Error(`no anchors have ${length} bytes of PEM`);
}

/** Armour, base64, and a line feed for each 64 characters begun. */
function pemLength(bytes: number): number {
  const characters = Math.ceil(bytes / 3) * 4;
  return 54 + characters + Math.ceil(characters / 64);
}

describe('a bundle', () => {
  it('holds roots in the order of their fingerprints, each once, as PEM that OpenSSL reads', async () => {
    const roots = await Promise.all(Array.from({ length: 5 }, () => makeRoot()));
    const anchors = roots.map((der) => parseAnchor(der, 'root'));
    const bundle = makeBundle('east.test', [...anchors, ...anchors]);
    expect(bundle.anchors.map((anchor) => anchor.sha256)).toEqual(
      anchors.map((anchor) => anchor.sha256).toSorted(),
    );
    const blocks = bundle.pem.split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(blocks.map((block) => new X509Certificate(block).raw)).toEqual(
      bundle.anchors.map((anchor) => anchor.der),
    );
    expect(bundle.sha256).toBe(createHash('sha256').update(bundle.pem).digest('hex'));
  });

  it('is a function of the set alone', () => {
    const anchors = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(anchors, fc.infiniteStream(fc.nat()), (texts, random) => {
        const set = texts.map((text) => fabricatedAnchor(text));
        const shuffled = [...set, ...set].toSorted(() => ((random.next().value ?? 0) % 2 === 0 ? 1 : -1));
        const bundle = makeBundle('east.test', set);
        expect(makeBundle('east.test', shuffled)).toEqual(bundle);
        expect(bundle.pem).toMatch(
          /^(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]+\n)+-----END CERTIFICATE-----\n)+$/,
        );
        expect([...(decodePublished(bundle.pem) ?? [])]).toEqual(
          bundle.anchors.map((anchor) => [anchor.sha256, anchor.der]),
        );
      }),
    );
  });

  it('is never empty', () => {
    expect(() => makeBundle('east.test', [])).toThrow(expect.objectContaining({ code: 'BUNDLE_EMPTY' }));
  });

  it('has at most 1048576 bytes of PEM', () => {
    const ofLength = (length: number) => makeBundle('east.test', anchorsOfLength(length));
    expect(ofLength(1_048_576).pem).toHaveLength(1_048_576);
    expect(() => ofLength(1_048_577)).toThrow(
      expect.objectContaining({
        code: 'BUNDLE_TOO_LARGE',
        message: expect.stringContaining('are 1048577 bytes'),
      }),
    );
  });

  it('takes no root that names another trust domain', () => {
    const root = { ...fabricatedAnchor('root'), spiffeTrustDomain: 'west.test' };
    expect(() => makeBundle('east.test', [root])).toThrow(
      expect.objectContaining({ code: 'BUNDLE_ANCHOR_FOREIGN' }),
    );
    expect(makeBundle('west.test', [root]).anchors).toEqual([root]);
  });
});

describe('what a target holds', () => {
  const bundle = makeBundle('east.test', [fabricatedAnchor('one'), fabricatedAnchor('two')]);

  it('equals the bundle when the sets are equal, whatever the order and the white space', () => {
    const text = bundle.anchors
      .toReversed()
      .map((anchor) => pem(anchor.der))
      .join('\n\n');
    expect(text).not.toBe(bundle.pem);
    expect(publishes(text, bundle)).toBe(true);
    expect(publishes(text + pem(fabricatedAnchor('three').der), bundle)).toBe(false);
    expect(bundleHash(decodePublished(text) ?? new Map())).toBe(bundle.sha256);
  });

  it('is unreadable, and equal to nothing, with one damaged block', () => {
    const text = bundle.pem.replace(
      '-----END CERTIFICATE-----\n-----BEGIN',
      '-----END CERT-----\n-----BEGIN',
    );
    expect(decodePublished(text)).toBeUndefined();
    expect(publishes(text, bundle)).toBe(false);
  });
});
