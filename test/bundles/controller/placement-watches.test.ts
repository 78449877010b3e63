import { expect, it } from 'vitest';
import { systemClock } from '#kube/clock.ts';
import { until } from '../../kube/lab.ts';
import { bundleOf, fakeCluster, fakePlacements, ordersOf, placedEntry } from '../support/fake-cluster.ts';

const owner = 'watches.test';

it('a target that nobody can see any more is told as such, once that has lasted', async () => {
  const cluster = fakeCluster(4);
  let ahead = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
  const { placements } = fakePlacements(cluster, clock);
  const orders = ordersOf(placedEntry(owner, 'roots'), await bundleOf(owner));
  const report = () => placements.settle(owner, orders)[0];
  await until(() => report()?.placements?.holding === 4);
  expect(report()?.error).toBeUndefined();
  cluster.forbid();
  await until(() => cluster.refused() >= 2);
  // A moment without a watch is everyday life.
  expect(report()?.error).toBeUndefined();
  ahead = 120_001;
  await until(() => report()?.error?.code === 'BUNDLE_TARGET_FORBIDDEN');
  expect(report()?.error?.message).toContain('cannot be watched');
});

it('what is to go is not thought to be gone while nobody can see what is left', async () => {
  const cluster = fakeCluster(4);
  const { placements } = fakePlacements(cluster);
  const orders = ordersOf(placedEntry(owner, 'roots'), await bundleOf(owner));
  await until(() => placements.settle(owner, orders)[0]?.placements?.holding === 4);
  const left = () =>
    placements.remove({
      owner,
      targets: [],
      left: [{ kind: 'configMap', name: 'other' }],
      isWritten: () => true,
    });
  expect(left()).toEqual([]);
  const allow = cluster.forbid();
  await until(() => cluster.refused() >= 1);
  expect(left()).toHaveLength(1);
  await until(() => left()[0]?.error?.code === 'BUNDLE_TARGET_FORBIDDEN');
  expect(left()[0]?.error?.message).toContain('cannot be watched');
  allow();
  await until(() => left().length === 0);
});
