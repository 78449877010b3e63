import { expect, test } from 'vitest';
import { overviewOf } from '#bundles/bundle/overview.ts';
import type { TrustBundle } from '#bundles/bundle/resource.ts';

const unreported: TrustBundle = {
  apiVersion: 'mangrove.dev/v1alpha1',
  kind: 'TrustBundle',
  metadata: { name: 'east.test', generation: 2 },
  spec: { trustDomain: 'east.test', sources: [], targets: [] },
};
const now = Date.parse('2026-01-01T01:00:00Z');

test('a TrustBundle that nobody reported on yet', () => {
  expect(overviewOf(unreported, now)).toEqual({
    name: 'east.test',
    trustDomain: 'east.test',
    outdated: true,
    roots: [],
    sources: [],
    targets: [],
  });
});

test('all that its status says, with ages by the clock that is given', () => {
  const root = {
    sha256: 'ab'.repeat(32),
    subject: 'CN=root',
    notBefore: '2025-01-01T00:00:00Z',
    notAfter: '2035-01-01T00:00:00Z',
    source: 'configMap/corporate',
    since: '2025-02-01T00:00:00Z',
    vanishedTime: '2025-12-31T00:00:00Z',
  };
  const [good, ahead] = [
    { kind: 'configMap', name: 'corporate', lastGoodTime: '2026-01-01T00:00:00Z', error: 'gone', note: 'n' },
    // The clock of the controller may be ahead of the one that is asked.
    { kind: 'inline', name: 'pasted', lastGoodTime: '2026-01-01T01:00:09Z' },
  ];
  const target = {
    kind: 'clusterTrustBundle',
    name: 'east',
    hash: 'cd'.repeat(32),
    lastVerifiedTime: '2026-01-01T00:59:00Z',
  };
  const ready = { status: 'False', reason: 'SourceNotFound', message: 'gone' } as const;
  const bundle: TrustBundle = {
    ...unreported,
    status: {
      observedGeneration: 2,
      hash: 'cd'.repeat(32),
      anchors: [root],
      sources: [good, ahead, { kind: 'file', name: 'never' }],
      targets: [target],
      conditions: [{ type: 'Ready', lastTransitionTime: '2026-01-01T00:00:00Z', ...ready }],
    },
  };
  expect(overviewOf(bundle, now)).toEqual({
    name: 'east.test',
    trustDomain: 'east.test',
    ready,
    outdated: false,
    hash: 'cd'.repeat(32),
    roots: [root],
    sources: [
      { ...good, ageSeconds: 3600 },
      { ...ahead, ageSeconds: 0 },
      { kind: 'file', name: 'never' },
    ],
    targets: [{ ...target, ageSeconds: 60 }],
  });
});
