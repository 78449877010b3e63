import { describe, expect, it } from 'vitest';
import { assemble } from '#bundles/source/assembly.ts';
import { type Removal, SHRINK_WINDOW_MS } from '#bundles/source/removal.ts';
import { type Given, type ShrinkRule, shrinkage, withheldError } from '#bundles/source/shrink.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';

const anchors = ['a', 'b', 'c', 'd'].map((name) => fabricatedAnchor(name));
const [a, b, c, d] = anchors as [
  (typeof anchors)[0],
  (typeof anchors)[0],
  (typeof anchors)[0],
  (typeof anchors)[0],
];
const published = (source: string, ...of: (typeof anchors)[0][]) =>
  of.map((anchor) => ({ anchor, source, withheld: false, since: 0 }));
const given = (...of: (typeof anchors)[0][]) => ({
  anchors: new Set(of.map(({ sha256 }) => sha256)),
  authorities: new Set<string>(),
});
const last = (anchors: ReturnType<typeof published>, ...unseen: string[]) => ({
  anchors,
  unseen: unseen.map((sha256) => ({ sha256, since: 0 })),
  removals: [] as Removal[],
});
const rule = { limitPercent: 50, consent: [] as string[] };
const day = SHRINK_WINDOW_MS;
const now = 10 * day;
/** What is kept, at one moment. */
const judged = (shrink: ShrinkRule, to: Given) => {
  const { withheld, blind } = shrinkage(shrink, to, now);
  return { withheld, blind };
};

describe('what a bundle may lose', () => {
  const before = published('configMap/corporate', a, b, c, d);

  it('is what the limit says, to the very percent', () => {
    expect(judged({ ...rule, before: last(before) }, given(a, b))).toEqual({
      withheld: [],
      blind: false,
    });
    expect(judged({ ...rule, before: last(before) }, given(a))).toEqual({
      withheld: [b, c, d],
      blind: false,
    });
    expect(judged({ ...rule, before: last(before), limitPercent: 75 }, given(a)).withheld).toEqual([]);
    expect(judged({ ...rule, before: last(before), limitPercent: 0 }, given(a, b, c)).withheld).toEqual([d]);
  });

  it('is more with consent, which covers the fingerprints that it names and no other', () => {
    const consent = [b.sha256, c.sha256];
    expect(judged({ ...rule, before: last(before), consent }, given(a))).toEqual({
      withheld: [],
      blind: false,
    });
    expect(judged({ ...rule, before: last(before), consent }, given())).toEqual({
      withheld: [],
      blind: false,
    });
    expect(judged({ ...rule, before: last(before), consent: [b.sha256] }, given())).toEqual({
      withheld: [a, c, d],
      blind: false,
    });
  });

  it('is nothing of what no target shows any more: then targets only grow', () => {
    const seen = last(published('inline/x', a), b.sha256);
    expect(judged({ ...rule, before: seen }, given(c))).toEqual({
      withheld: [a],
      blind: true,
    });
    expect(judged({ ...rule, before: seen }, given(a, b))).toMatchObject({ blind: false });
    expect(judged({ ...rule, before: seen, consent: [b.sha256] }, given(a))).toMatchObject({
      blind: false,
    });
  });

  it('is never what was withheld before, whatever joined the bundle since', () => {
    const held = published('inline/x', a, b).map((one) => ({ ...one, withheld: true }));
    const grown = last([...held, ...published('inline/x', c, d)]);
    expect(judged({ ...rule, before: grown }, given(c, d)).withheld).toEqual([a, b]);
    expect(judged({ ...rule, before: grown }, given(c)).withheld).toEqual([a, b]);
    expect(judged({ ...rule, before: grown }, given(a, c, d)).withheld).toEqual([b]);
  });

  it('is every root of an authority of ours that retired it, and none of one that is gone', () => {
    const mixed = [...published('authority/mesh', a, b, c), ...published('inline/x', d)];
    expect(judged({ ...rule, before: last(mixed) }, given(d)).withheld).toEqual([a, b, c]);
    const live = { ...given(d), authorities: new Set(['authority/mesh']) };
    expect(judged({ ...rule, before: last(mixed) }, live).withheld).toEqual([]);
  });
});

describe('what left within a day', () => {
  /** Ten roots that have been there for long. */
  const ten = Array.from({ length: 10 }, (_, index) => fabricatedAnchor(`root ${index}`));

  /** Lets these leave one after the other, each as soon as the one before it is gone; what is withheld in the end. */
  function oneByOne(
    leaving: (typeof anchors)[0][],
    everyMs: number,
    start = last(published('inline/x', ...ten)),
  ) {
    let before: ReturnType<typeof last> = start;
    let at = now;
    const gone: (typeof anchors)[0][] = [];
    for (const next of leaving) {
      at += everyMs;
      gone.push(next);
      const rest = ten.filter((one) => !gone.includes(one));
      const { withheld, removals } = shrinkage({ ...rule, before }, given(...rest), at);
      const stay = before.anchors
        .filter(({ anchor }) => rest.includes(anchor) || withheld.includes(anchor))
        .map((one) => ({ ...one, withheld: withheld.includes(one.anchor) }));
      before = { ...before, anchors: stay, removals: [...removals] };
    }
    return before;
  }

  it('counts together, so that small steps are no way around the limit', () => {
    const { anchors: left, removals } = oneByOne(ten.slice(0, 7), 1_000);
    expect(left.filter(({ withheld }) => withheld).map(({ anchor }) => anchor)).toEqual(ten.slice(5, 7));
    expect(removals.map(({ sha256 }) => sha256)).toEqual(ten.slice(0, 5).map(({ sha256 }) => sha256));
  });

  it('is forgotten after a day', () => {
    const before = oneByOne(ten.slice(0, 5), 1_000);
    const [, , , , , next] = ten;
    const rest = given(...ten.slice(6));
    const dayLater = now + 5_000 + day;
    expect(shrinkage({ ...rule, before }, rest, now + day).withheld).toEqual([next]);
    expect(shrinkage({ ...rule, before }, rest, dayLater).removals).toMatchObject([
      { sha256: next?.sha256, at: dayLater },
    ]);
  });

  it('is measured by what stood when it began, whatever has joined since', () => {
    const joined = published('inline/x', a, b, c, d).map((one) => ({ ...one, since: now }));
    const old = published('inline/y', ...ten.slice(0, 4));
    const before = last([...old, ...joined]);
    expect(judged({ ...rule, before }, given(a, b, c, d)).withheld).toEqual(ten.slice(0, 4));
    expect(judged({ ...rule, before }, given(a, b, c, d, ...ten.slice(0, 2))).withheld).toEqual([]);
    // And what is younger than the day is not free to go either.
    expect(
      judged({ ...rule, before: last([...old.slice(0, 1), ...joined]) }, given(...ten)).withheld,
    ).toEqual([a, b, c, d]);
  });

  it('is nothing that an operator agreed to, nor what is back, nor what an authority of ours retired', () => {
    const before = oneByOne(ten.slice(0, 5), 1_000);
    const rest = ten.slice(6);
    const agreed = { ...rule, before, consent: ten.slice(0, 2).map(({ sha256 }) => sha256) };
    expect(shrinkage(agreed, given(...rest), now + 6_000)).toMatchObject({
      withheld: [],
      removals: ten.slice(2, 6).map(({ sha256 }) => ({ sha256 })),
    });
    const back = shrinkage({ ...rule, before }, given(...ten.slice(0, 2), ...rest), now + 6_000);
    expect(back).toMatchObject({ withheld: [], removals: ten.slice(2, 6).map(({ sha256 }) => ({ sha256 })) });
    const live = { ...given(d), authorities: new Set(['authority/mesh']) };
    const mesh = last([...published('authority/mesh', a, b, c), ...published('inline/x', d)]);
    expect(shrinkage({ ...rule, before: mesh }, live, now).removals).toEqual([]);
  });

  it('is at most what the status has room for', () => {
    const many = Array.from({ length: 4_000 }, (_, index) => fabricatedAnchor(`many ${index}`));
    const before = last(published('inline/x', ...many));
    const most = { ...rule, before, limitPercent: 99 };
    expect(judged(most, given(...many.slice(1_024))).withheld).toEqual([]);
    expect(judged(most, given(...many.slice(1_025))).withheld).toHaveLength(1_025);
    const free = shrinkage({ ...most, limitPercent: 100 }, given(), now);
    expect(free.withheld).toEqual([]);
    expect(free.removals).toHaveLength(1_024);
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
  const at = a.notBefore + 100;

  it('keeps what was published, and takes in what is new', () => {
    const before = published('configMap/corporate', a, b);
    const { bundle, withheld } = assemble('east.test', [reading(c)], at, { ...rule, before: last(before) });
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
