import { describe, expect, it } from 'vitest';
import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import { recallSource } from '#bundles/controller/recall.ts';
import { sourcesStatus } from '#bundles/controller/source-status.ts';
import { assemble } from '#bundles/source/assembly.ts';
import type { SourceReading } from '#bundles/source/memory.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';

const now = 1_800_000_000_000;
type Anchors = ReturnType<typeof fabricatedAnchor>[];

const reading = (name: string, anchors: Anchors | undefined, more: Partial<SourceReading> = {}) => ({
  name,
  anchors,
  vanished: new Map<string, number>(),
  goodAt: now,
  error: undefined,
  note: undefined,
  changesAt: Number.POSITIVE_INFINITY,
  ...more,
});

function told(readings: SourceReading[], before?: TrustBundleStatus): TrustBundleStatus {
  const assembly = assemble('east.test', readings, now / 1000);
  return sourcesStatus({ readings, assembly, removals: [] }, before, now);
}

/** What a new process knows of a source, by a status and targets that hold all of these roots. */
function recalled(source: string, status: TrustBundleStatus, roots: Anchors) {
  const known = recallSource(source, status, new Map(roots.map((root) => [root.sha256, root])));
  return (
    known && {
      roots: known.anchors?.map(({ subject }) => subject).toSorted(),
      vanished: [...known.vanished.values()],
    }
  );
}

const [one, two, three] = ['one', 'two', 'three'].map((text) => fabricatedAnchor(text)) as [
  Anchors[0],
  Anchors[0],
  Anchors[0],
];
const expired = fabricatedAnchor('expired', { notAfter: now / 1000 - 1 });
const early = fabricatedAnchor('early', { notBefore: now / 1000 + 86_400 });

describe('a new process knows of a source', () => {
  it('that holds an expired and an early root what it gave besides', () => {
    const status = told([reading('inline/x', [one, expired, early])]);
    expect(recalled('inline/x', status, [one])).toEqual({ roots: ['CN=one'], vanished: [] });
  });

  it('what it shares with another, each with its own time', () => {
    const status = told([
      reading('inline/x', [one, two], { vanished: new Map([[two.sha256, now - 5_000]]) }),
      reading('inline/y', [two, three], { vanished: new Map([[two.sha256, now - 9_000]]) }),
    ]);
    expect(recalled('inline/x', status, [one, two, three])).toEqual({
      roots: ['CN=one', 'CN=two'],
      vanished: [now - 5_000],
    });
    expect(recalled('inline/y', status, [one, two, three])).toEqual({
      roots: ['CN=three', 'CN=two'],
      vanished: [now - 9_000],
    });
  });

  it('that is not read meanwhile what it gave, wherever its roots stand in the status now', () => {
    const vanished = new Map([[one.sha256, now - 5_000]]);
    const before = told([reading('inline/x', [one, two], { vanished }), reading('inline/y', [two])]);
    const unread = reading('inline/x', undefined, { goodAt: undefined, error: new Error('gone') });
    const status = told([unread, reading('inline/y', [two, three])], before);
    expect(status.anchors).toHaveLength(3);
    expect(recalled('inline/x', status, [one, two, three])).toEqual({
      roots: ['CN=one', 'CN=two'],
      vanished: [now - 5_000],
    });
  });

  it('what was published of it, while there is no bundle', () => {
    const before = told([reading('inline/x', [one]), reading('inline/y', undefined)]);
    const status = told([reading('inline/x', [expired]), reading('inline/y', [expired])], before);
    expect(recalled('inline/x', status, [one])).toEqual({ roots: ['CN=one'], vanished: [] });
    expect(recalled('inline/y', status, [one])).toEqual({ roots: [], vanished: [] });
  });

  it('that retains more than the status has times for: none ends early', () => {
    const many = Array.from({ length: 100 }, (_, index) => fabricatedAnchor(`many ${index}`));
    const times = new Map(many.map(({ sha256 }, index) => [sha256, now + index * 1_000]));
    const status = told([reading('inline/x', many, { vanished: times })]);
    const vanished = recallSource('inline/x', status, new Map())?.vanished;
    expect(status.sources?.[0]?.vanished).toHaveLength(64);
    for (const [sha256, time] of times) expect(vanished?.get(sha256)).toBeGreaterThanOrEqual(time);
  });
});

describe('a large bundle', () => {
  const many = Array.from({ length: 2_000 }, (_, index) =>
    fabricatedAnchor(`${index} ${'a long name of a root '.repeat(6)}`),
  );

  it.each([
    ['every source gives all', (): Anchors => many],
    ['each source gives every other', (source: number) => many.filter((_, index) => (index + source) % 2)],
    ['each source gives its own', (source: number) => many.filter((_, index) => index % 32 === source)],
  ])('of 2,000 roots and 32 sources fits an object, with inline PEM beside it: %s', (_what, give) => {
    const readings = Array.from({ length: 32 }, (_, source) =>
      reading(`configMap/roots-${source}`, give(source)),
    );
    const status = told(readings);
    expect(status.anchors).toHaveLength(2_000);
    expect(JSON.stringify(status).length).toBeLessThan(1_572_864 - 800_000);
    for (const { roots = 'none' } of status.sources ?? []) expect(roots.length).toBeLessThanOrEqual(16_384);
    expect(recalled('configMap/roots-7', status, many)?.roots).toHaveLength(give(7).length);
  });

  it('that is larger than the status says of no source what it cannot say wholly', () => {
    const more = [...many, ...Array.from({ length: 100 }, (_, index) => fabricatedAnchor(`more ${index}`))];
    const status = told([reading('inline/x', more)]);
    expect(status.anchors).toHaveLength(2_048);
    expect(status.sources?.[0]).not.toHaveProperty('roots');
    expect(recalled('inline/x', status, more)).toBeUndefined();
  });
});
