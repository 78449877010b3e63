import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAnchor } from '#bundles/bundle/anchor.ts';
import { bundleHash } from '#bundles/bundle/bundle.ts';
import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import { recallSource } from '#bundles/controller/recall.ts';
import { makeRoot, pem } from '../support/roots.ts';

const sha256 = (der: Buffer): string => createHash('sha256').update(der).digest('hex');
const hashOf = (...roots: Buffer[]): string => bundleHash(new Map(roots.map((root) => [sha256(root), root])));
const at = '2026-11-23T00:00:00Z';
const gone = '2026-11-22T23:00:00Z';

let one: Buffer;
let two: Buffer;
let other: Buffer;

beforeAll(async () => {
  [one, two, other] = [await makeRoot(), await makeRoot(), await makeRoot()];
});

const anchor = (root: Buffer, source: string, vanishedTime?: string) => ({
  sha256: sha256(root),
  subject: '',
  notBefore: at,
  notAfter: at,
  source,
  ...(vanishedTime !== undefined && { vanishedTime }),
});

/** As it stood when the source gave `two`, and retained `one`. */
const status = (more: Partial<TrustBundleStatus> = {}): TrustBundleStatus => ({
  sources: [{ kind: 'configMap', name: 'corporate', hash: hashOf(one, two), lastGoodTime: at }],
  anchors: [
    anchor(one, 'configMap/corporate', gone),
    anchor(two, 'configMap/corporate'),
    anchor(other, 'authority/mesh'),
  ],
  conditions: [],
  ...more,
});

const published = (...roots: Buffer[]): string => roots.map((root) => pem(root)).join('');
const recall = (from: TrustBundleStatus | undefined, ...targets: string[]) =>
  recallSource('configMap/corporate', from, targets);

describe('what a source gave before the start', () => {
  it('is known from the status and from what any of the targets holds', () => {
    expect(recall(status(), published(one), published(two, other))).toEqual({
      anchors: [parseAnchor(one, ''), parseAnchor(two, '')],
      vanished: new Map([[sha256(one), Date.parse(gone)]]),
      goodAt: Date.parse(at),
    });
  });

  it('may be nothing, and is known to be', () => {
    const empty = [{ kind: 'configMap', name: 'corporate', hash: hashOf(), lastGoodTime: at }];
    expect(recall(status({ sources: empty, anchors: [] }), published(other))).toEqual({
      anchors: [],
      vanished: new Map(),
      goodAt: Date.parse(at),
    });
  });

  it.each<[string, () => ReturnType<typeof recall>]>([
    ['there is no status', () => recall(undefined, published(one, two))],
    ['no target holds one of its roots', () => recall(status(), published(one))],
    ['a target cannot be read', () => recall(status(), `${published(one, two)}text`)],
    ['the status lost its roots', () => recall(status({ anchors: [] }), published(one, two))],
    [
      'the status gives it a root that it never gave',
      () =>
        recall(
          status({ anchors: [one, two, other].map((root) => anchor(root, 'configMap/corporate')) }),
          published(one, two, other),
        ),
    ],
    ['the status does not name it', () => recall(status({ sources: [] }), published(one, two))],
  ])('is not known when %s', (_why, ask) => {
    expect(ask()).toBeUndefined();
  });
});
