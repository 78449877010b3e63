import { expect, test } from 'vitest';
import type { SourceState } from '#ops/metrics/trust.ts';
import { metrics, sample } from './scrape.ts';

test('what is gone leaves no gauge behind that would alarm for ever', async () => {
  const made = metrics();
  made.authorities.root('mesh', 1, 1_800_000_000);
  made.authorities.root('mesh', 2, 1_900_000_000);
  made.authorities.root('other', 1, 1_700_000_000);
  made.authorities.issuing('mesh', 1_750_000_000);
  made.authorities.confirmed('mesh', 1_740_000_000);
  const root = (generation: number): string =>
    `mangrove_authority_not_after_timestamp_seconds{certificate_authority="mesh",generation="${generation}"}`;
  expect(await sample(made, root(1))).toBe(1_800_000_000);
  made.authorities.signerGone('mesh');
  expect((await made.scrape()).body).not.toContain(
    'issuing_not_after_timestamp_seconds{certificate_authority="mesh"}',
  );
  expect(await sample(made, root(1))).toBe(1_800_000_000);
  made.authorities.forget('mesh', 1);
  expect(await sample(made, root(1))).toBeUndefined();
  expect(await sample(made, root(2))).toBe(1_900_000_000);
  made.authorities.forget('mesh');
  made.bundles.assembled('cluster.local', roots, 1_200);
  made.bundles.targets('cluster.local', ['clusterTrustBundle/x']);
  made.bundles.verified('cluster.local', 'clusterTrustBundle/x', 1_740_000_000);
  made.bundles.published('cluster.local', 'clusterTrustBundle/x', 'written');
  made.bundles.sources('cluster.local', good);
  made.bundles.withheld('cluster.local', 1);
  made.bundles.promotion('cluster.local', true);
  made.bundles.placed('cluster.local', 'clusterTrustBundle/x', { holding: 1, failing: 2, pending: 3 });
  made.bundles.unread('cluster.local', 'clusterTrustBundle/x', true);
  made.bundles.forget('cluster.local');
  const { body } = await made.scrape();
  expect(body).not.toContain('mesh');
  expect(body).not.toContain('bundle="cluster.local"');
  expect(body).toContain('certificate_authority="other"');
});

const roots = new Map([
  ['0123abcd', 1_900_000_000],
  ['4567cdef', 1_950_000_000],
]);
const good = new Map<string, SourceState>([['authority/mesh', { goodAt: 1_740_000_000, failing: false }]]);

test('a source that fails is told until it is good again, or named no more', async () => {
  const made = metrics();
  const failing = (source: string) =>
    `mangrove_bundle_source_failing{bundle="cluster.local",source="${source}"}`;
  const bad = { goodAt: undefined, failing: true };
  made.bundles.sources('cluster.local', new Map([...good, ['configMap/corporate', bad] as const]));
  expect(await sample(made, failing('authority/mesh'))).toBe(0);
  expect(await sample(made, failing('configMap/corporate'))).toBe(1);
  made.bundles.sources('cluster.local', good);
  expect(await sample(made, failing('configMap/corporate'))).toBeUndefined();
  expect(
    await sample(
      made,
      'mangrove_bundle_source_good_timestamp_seconds{bundle="cluster.local",source="authority/mesh"}',
    ),
  ).toBe(1_740_000_000);
});

test('a target that left the specification is told of no more, and no other', async () => {
  const made = metrics();
  const told = async (target: string) =>
    (await made.scrape()).body.split('\n').filter((line) => line.includes(`target="${target}"`)).length;
  made.bundles.targets('cluster.local', ['x', 'y']);
  for (const target of ['x', 'y']) {
    made.bundles.verified('cluster.local', target, 1_740_000_000);
    made.bundles.published('cluster.local', target, 'written');
    made.bundles.published('cluster.local', target, 'failed');
  }
  made.bundles.targets('west.test', ['x']);
  made.bundles.verified('west.test', 'x', 1_740_000_000);
  made.bundles.targets('cluster.local', ['y']);
  expect(await told('x')).toBe(1);
  expect(await told('y')).toBe(3);
});

test('a replica that leads no more has no gauge of a bundle left, and goes on when it leads again', async () => {
  const made = metrics();
  const tell = () => {
    made.bundles.assembled('cluster.local', roots, 1_200);
    made.bundles.targets('cluster.local', ['x']);
    made.bundles.verified('cluster.local', 'x', 1_740_000_000);
    made.bundles.published('cluster.local', 'x', 'written');
    made.bundles.sources('cluster.local', good);
    made.bundles.withheld('cluster.local', 1);
    made.bundles.unread('cluster.local', 'x', true);
  };
  const told = async () =>
    (await made.scrape()).body.split('\n').filter((line) => line.includes('bundle="cluster.local"'));
  tell();
  const before = (await told()).length;
  made.bundles.forgetAll();
  expect(await told()).toEqual([
    'mangrove_bundle_target_writes_total{bundle="cluster.local",target="x",outcome="written"} 1',
  ]);
  tell();
  expect(await told()).toHaveLength(before);
  made.bundles.forget('cluster.local');
  expect(await told()).toEqual([]);
});

test('a bundle tells size, roots, writes and when each target was verified', async () => {
  const made = metrics();
  made.bundles.assembled('cluster.local', roots, 1_200);
  made.bundles.verified('cluster.local', 'clusterTrustBundle/x', 1_740_000_000);
  made.bundles.published('cluster.local', 'clusterTrustBundle/x', 'repaired');
  for (const isPending of [true, false]) {
    made.bundles.promotion('cluster.local', isPending);
    const promotion = 'mangrove_bundle_promotion_pending{bundle="cluster.local"}';
    expect(await sample(made, promotion)).toBe(isPending ? 1 : 0);
  }
  expect(await sample(made, 'mangrove_bundle_bytes{bundle="cluster.local"}')).toBe(1_200);
  expect(await sample(made, 'mangrove_bundle_anchors{bundle="cluster.local"}')).toBe(2);
  const root = (id: string) =>
    `mangrove_bundle_root_not_after_timestamp_seconds{bundle="cluster.local",root="${id}"}`;
  expect(await sample(made, root('0123abcd'))).toBe(1_900_000_000);
  made.bundles.assembled('cluster.local', new Map([['4567cdef', 1_950_000_000]]), 600);
  expect(await sample(made, root('0123abcd'))).toBeUndefined();
  expect(await sample(made, root('4567cdef'))).toBe(1_950_000_000);
  const target = 'bundle="cluster.local",target="clusterTrustBundle/x"';
  expect(await sample(made, `mangrove_bundle_target_verified_timestamp_seconds{${target}}`)).toBe(
    1_740_000_000,
  );
  expect(await sample(made, `mangrove_bundle_target_writes_total{${target},outcome="repaired"}`)).toBe(1);
});
