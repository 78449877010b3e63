import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAnchor } from '#bundles/bundle/anchor.ts';
import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import { missingFrom, recallPublished, recallSource, shownRoots } from '#bundles/controller/recall.ts';
import { makeRoot, pem } from '../support/roots.ts';

const sha256 = (der: Buffer): string => createHash('sha256').update(der).digest('hex');
const at = '2026-11-23T00:00:00Z';
const gone = '2026-11-22T23:00:00Z';
const later = '2046-11-23T00:00:00Z';
const now = Date.parse('2026-11-24T00:00:00Z');

let one: Buffer;
let two: Buffer;
let other: Buffer;

beforeAll(async () => {
  [one, two, other] = [await makeRoot(), await makeRoot(), await makeRoot()];
});

const anchor = (root: Buffer, source: string, notAfter = later) => ({
  sha256: sha256(root),
  subject: '',
  notBefore: at,
  notAfter,
  source,
});
const corporate = { kind: 'configMap', name: 'corporate', hash: 'any', lastGoodTime: at };

/** As it stood when the source gave `two` and `other`, which an authority gives too, and retained `one`. */
const status = (more: Partial<TrustBundleStatus> = {}): TrustBundleStatus => ({
  sources: [{ ...corporate, roots: '0-2', vanished: [{ roots: '0', time: gone }] }],
  anchors: [
    anchor(one, 'configMap/corporate'),
    anchor(two, 'configMap/corporate'),
    anchor(other, 'authority/mesh'),
  ],
  conditions: [],
  ...more,
});

const published = (...roots: Buffer[]): string => roots.map((root) => pem(root)).join('');
const recall = (from: TrustBundleStatus | undefined, ...targets: string[]) =>
  recallSource('configMap/corporate', from, shownRoots(targets));
const recalled = (...roots: Buffer[]) => ({
  anchors: roots.map((root) => parseAnchor(root, '')),
  vanished: new Map([[sha256(one), Date.parse(gone)]]),
  goodAt: Date.parse(at),
});

describe('what a source gave before the start', () => {
  it('is known from the status and from what any of the targets holds, shared with another source or not', () => {
    expect(recall(status(), published(one), published(two, other))).toEqual(recalled(one, two, other));
  });

  it('is proven root by root, whatever else stands in a target', () => {
    const edited = `text${published(one)}-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n${published(two)}`;
    expect(recall(status(), edited)).toEqual(recalled(one, two));
  });

  it('is less what no target shows: it can leave none', () => {
    expect(recall(status(), published(two, other))).toEqual(recalled(two, other));
  });

  it('may be nothing, and is known to be', () => {
    const sources = [{ ...corporate, roots: '' }];
    expect(recall(status({ sources, anchors: [] }), published(other))).toEqual({
      anchors: [],
      vanished: new Map(),
      goodAt: Date.parse(at),
    });
    expect(recall(status({ sources: [{ kind: 'configMap', name: 'corporate' }] }))).toEqual({
      anchors: [],
      vanished: new Map(),
      goodAt: undefined,
    });
  });

  it.each<[string, () => TrustBundleStatus | undefined]>([
    ['there is no status', () => undefined],
    ['the status lost its roots', () => status({ anchors: [] })],
    ['the status does not name it', () => status({ sources: [] })],
    ['the status had no room for its roots', () => status({ sources: [corporate] })],
    ['the status says something else', () => status({ sources: [{ ...corporate, roots: '0-9' }] })],
  ])('is not known when %s', (_why, from) => {
    expect(recall(from(), published(one, two, other))).toBeUndefined();
  });
});

describe('what was published before the start', () => {
  it('is missing only where nothing shows a root that has not expired', () => {
    const expired = [anchor(one, 'configMap/corporate', at), anchor(two, 'configMap/corporate')];
    const all = shownRoots([published(one, two, other)]);
    expect(missingFrom(status(), all, now)).toEqual([]);
    expect(missingFrom(status(), shownRoots([published(one, two)]), now)).toEqual([sha256(other)]);
    expect(missingFrom(status({ anchors: expired }), shownRoots([published(two)]), now)).toEqual([]);
    expect(missingFrom(undefined, shownRoots([]), now)).toEqual([]);
  });

  it('is missing, too, where only a promotion tells of it', () => {
    const promoted = { hash: '', time: at, anchors: [{ sha256: sha256(other), notAfter: later }] };
    const told = { ...status({ anchors: [] }), promoted };
    expect(missingFrom(told, shownRoots([published(one)]), now)).toEqual([sha256(other)]);
    expect(missingFrom(told, shownRoots([published(other)]), now)).toEqual([]);
  });

  it('has its source, when it joined, and what has left unasked', () => {
    const anchors = [
      { ...anchor(one, 'configMap/corporate'), since: gone, withheldTime: at },
      anchor(two, 'configMap/corporate'),
      anchor(other, 'authority/mesh'),
    ];
    const removals = [{ sha256: 'x', since: gone, time: at }];
    expect(
      recallPublished(
        status({ anchors, removals }),
        shownRoots([published(one)]),
        shownRoots([published(two)]),
        now,
      ),
    ).toEqual({
      anchors: [
        {
          anchor: parseAnchor(one, ''),
          source: 'configMap/corporate',
          withheld: true,
          since: Date.parse(gone),
        },
      ],
      unseen: [{ sha256: sha256(two), since: 0 }],
      removals: [{ sha256: 'x', since: Date.parse(gone), at: Date.parse(at) }],
    });
  });

  it('is what stood in the targets where the status tells of nothing yet', () => {
    const inherited = [one, two].map((root) => ({
      anchor: parseAnchor(root, ''),
      source: '',
      withheld: false,
      since: 0,
    }));
    for (const nothing of [undefined, { conditions: [] }]) {
      expect(recallPublished(nothing, shownRoots([]), shownRoots([published(one, two)]), now)).toEqual({
        anchors: inherited,
        unseen: [],
        removals: [],
      });
    }
  });
});
