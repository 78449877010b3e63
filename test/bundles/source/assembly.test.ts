import { describe, expect, it } from 'vitest';
import { LEAD_SECONDS } from '#bundles/bundle/anchor.ts';
import { assemble } from '#bundles/source/assembly.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';

const now = 1_800_000_000;
const root = fabricatedAnchor('root', { notBefore: now - 10, notAfter: now + 100 });
const lasting = { vanished: new Map<string, number>(), note: undefined, changesAt: Number.POSITIVE_INFINITY };
const reading = (...anchors: (typeof root)[]) => ({
  ...lasting,
  name: 'a',
  anchors,
  goodAt: 0,
  error: undefined,
});
const unread = { ...lasting, name: 'b', anchors: undefined, goodAt: undefined, error: new Error('gone') };

describe('bundle of several sources', () => {
  it('holds each anchor once', () => {
    const { bundle, partial } = assemble('east.test', [reading(root), reading(root)], now);
    expect(bundle?.anchors).toEqual([root]);
    expect(partial).toBe(false);
  });

  it('is partial while a source was never read', () => {
    const { bundle, partial } = assemble('east.test', [reading(root), unread], now);
    expect(bundle?.anchors).toEqual([root]);
    expect(partial).toBe(true);
  });

  it('loses a root in the second after its notAfter', () => {
    const other = fabricatedAnchor('other', { notAfter: now + 1000 });
    const at = (second: number) => assemble('east.test', [reading(root, other)], second);
    expect(at(now + 100).bundle?.anchors).toContain(root);
    expect(at(now + 100).changesAt).toBe(now + 101);
    expect(at(now + 101).bundle?.anchors).toEqual([other]);
    expect(at(now + 101).expired).toEqual([root]);
    expect(at(now + 101).changesAt).toBe(now + 1001);
  });

  it('gains a root an hour before its notBefore', () => {
    const future = fabricatedAnchor('future', { notBefore: now + 10_000, notAfter: now + 20_000 });
    const joins = now + 10_000 - LEAD_SECONDS;
    const long = fabricatedAnchor('long', { notAfter: now + 90_000 });
    const at = (second: number) => assemble('east.test', [reading(long, future)], second);
    expect(at(joins - 1)).toMatchObject({ early: [future], changesAt: joins, bundle: { anchors: [long] } });
    expect(at(joins)).toMatchObject({ early: [], changesAt: now + 20_001 });
    expect(at(joins).bundle?.anchors).toContain(future);
  });

  it('is not made of nothing: no source, or none with a root whose time it is', () => {
    for (const readings of [[], [unread], [reading(root)]]) {
      const assembly = assemble('east.test', readings, now + 1000);
      expect(assembly).toMatchObject({ bundle: undefined, error: { code: 'BUNDLE_EMPTY' } });
    }
  });
});
