import { describe, expect, it } from 'vitest';
import { assemble } from '#bundles/source/assembly.ts';
import { consentOf, shrinkage, withheldError } from '#bundles/source/shrink.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';

const anchors = ['a', 'b', 'c', 'd'].map((name) => fabricatedAnchor(name));
const [a, b, c, d] = anchors as [
  (typeof anchors)[0],
  (typeof anchors)[0],
  (typeof anchors)[0],
  (typeof anchors)[0],
];
const published = (source: string, ...of: (typeof anchors)[0][]) =>
  of.map((anchor) => ({ anchor, source, withheld: false }));
const given = (...of: (typeof anchors)[0][]) => ({
  anchors: new Set(of.map(({ sha256 }) => sha256)),
  authorities: new Set<string>(),
});
const last = (anchors: ReturnType<typeof published>, ...unseen: string[]) => ({ anchors, unseen });
const rule = { limitPercent: 50, consent: [] as string[] };

describe('what a bundle may lose at once', () => {
  const before = published('configMap/corporate', a, b, c, d);

  it('is what the limit says, to the very percent', () => {
    expect(shrinkage({ ...rule, before: last(before) }, given(a, b))).toEqual({
      withheld: [],
      blind: false,
    });
    expect(shrinkage({ ...rule, before: last(before) }, given(a))).toEqual({
      withheld: [b, c, d],
      blind: false,
    });
    expect(shrinkage({ ...rule, before: last(before), limitPercent: 75 }, given(a)).withheld).toEqual([]);
    expect(shrinkage({ ...rule, before: last(before), limitPercent: 0 }, given(a, b, c)).withheld).toEqual([
      d,
    ]);
  });

  it('is more with consent, which covers the fingerprints that it names and no other', () => {
    const consent = [b.sha256, c.sha256];
    expect(shrinkage({ ...rule, before: last(before), consent }, given(a))).toEqual({
      withheld: [],
      blind: false,
    });
    expect(shrinkage({ ...rule, before: last(before), consent }, given())).toEqual({
      withheld: [],
      blind: false,
    });
    expect(shrinkage({ ...rule, before: last(before), consent: [b.sha256] }, given())).toEqual({
      withheld: [a, c, d],
      blind: false,
    });
  });

  it('is nothing of what no target shows any more: then targets only grow', () => {
    const seen = last(published('inline/x', a), b.sha256);
    expect(shrinkage({ ...rule, before: seen }, given(c))).toEqual({
      withheld: [a],
      blind: true,
    });
    expect(shrinkage({ ...rule, before: seen }, given(a, b))).toMatchObject({ blind: false });
    expect(shrinkage({ ...rule, before: seen, consent: [b.sha256] }, given(a))).toMatchObject({
      blind: false,
    });
  });

  it('is never what was withheld before, whatever joined the bundle since', () => {
    const held = published('inline/x', a, b).map((one) => ({ ...one, withheld: true }));
    const grown = last([...held, ...published('inline/x', c, d)]);
    expect(shrinkage({ ...rule, before: grown }, given(c, d)).withheld).toEqual([a, b]);
    expect(shrinkage({ ...rule, before: grown }, given(c)).withheld).toEqual([a, b]);
    expect(shrinkage({ ...rule, before: grown }, given(a, c, d)).withheld).toEqual([b]);
  });

  it('is every root of an authority of ours that retired it, and none of one that is gone', () => {
    const mixed = [...published('authority/mesh', a, b, c), ...published('inline/x', d)];
    expect(shrinkage({ ...rule, before: last(mixed) }, given(d)).withheld).toEqual([a, b, c]);
    const live = { ...given(d), authorities: new Set(['authority/mesh']) };
    expect(shrinkage({ ...rule, before: last(mixed) }, live).withheld).toEqual([]);
  });
});

describe('a bundle whose sources were emptied', () => {
  const reading = (...of: (typeof anchors)[0][]) => ({
    name: 'configMap/corporate',
    anchors: of,
    vanished: new Map<string, number>(),
    goodAt: 0,
    error: undefined,
    note: undefined,
    changesAt: Number.POSITIVE_INFINITY,
  });
  const now = a.notBefore + 100;

  it('keeps what was published, and takes in what is new', () => {
    const before = published('configMap/corporate', a, b);
    const { bundle, withheld } = assemble('east.test', [reading(c)], now, { ...rule, before: last(before) });
    expect(new Set(bundle?.anchors)).toEqual(new Set([a, b, c]));
    expect(withheld).toEqual([a, b]);
    expect(withheldError(withheld)).toMatchObject({
      code: 'BUNDLE_SHRINK_WITHHELD',
      message: expect.stringContaining(a.sha256),
    });
  });

  it('lets expired roots go: nothing can chain to them', () => {
    const before = published('configMap/corporate', a);
    const { bundle, withheld } = assemble(
      'east.test',
      [reading(fabricatedAnchor('new', { notBefore: a.notAfter, notAfter: a.notAfter + 1000 }))],
      a.notAfter + 1,
      { ...rule, before: last(before) },
    );
    expect(withheld).toEqual([]);
    expect(bundle?.anchors).toHaveLength(1);
  });
});

describe('the annotation', () => {
  it('names fingerprints in plain hex or as OpenSSL writes them; anything else names nothing', () => {
    const colons = (b.sha256.match(/../g) ?? []).join(':').toUpperCase();
    const text = `${a.sha256}, ${colons} ,all,${c.sha256.slice(0, 8)},`;
    expect(consentOf({ 'mangrove.dev/allow-removal': text })).toEqual([a.sha256, b.sha256]);
    expect(consentOf({})).toEqual([]);
  });
});
