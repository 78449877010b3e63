import { expect, it } from 'vitest';
import { systemClock } from '#kube/clock.ts';
import { testSignal, until } from '../../kube/lab.ts';
import { bundleOf, fakeCluster, ordersOf, placedEntry } from '../support/fake-cluster.ts';
import { fakePlacements } from '../support/fake-placements.ts';
import { eventually } from '../support/publisher.ts';

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
    placements.remove(
      { owner, targets: [], left: [{ kind: 'configMap', name: 'other' }], isWritten: () => true },
      testSignal(),
    );
  expect(await left()).toEqual([]);
  const allow = cluster.forbid();
  await until(() => cluster.refused() >= 1);
  expect(await left()).toHaveLength(1);
  await eventually(async () => (await left())[0]?.error?.code === 'BUNDLE_TARGET_FORBIDDEN');
  expect((await left())[0]?.error?.message).toContain('cannot be watched');
  allow();
  await eventually(async () => (await left()).length === 0);
});

it('what is written while nobody watches is read again now and then, and neither sent again nor taken for news', async () => {
  const cluster = fakeCluster(2);
  let ahead = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
  const { placements } = fakePlacements(cluster, clock);
  const entry = placedEntry(owner, 'roots');
  const first = ordersOf(entry, await bundleOf(owner));
  await until(() => placements.settle(owner, first)[0]?.placements?.holding === 2);
  const sight = cluster.blind();
  await until(() => cluster.refused() >= 1);
  const bundle = await bundleOf(owner);
  const second = ordersOf(entry, bundle);
  const report = () => placements.settle(owner, second)[0];
  cluster.touch('later');
  await until(() => report()?.placements?.holding === 3);
  const from = cluster.requests.length;
  const requests = () => cluster.requests.slice(from).filter((one) => !one.startsWith('list configmaps'));
  ahead = 300_001;
  await until(() => report()?.placements?.holding === 3 && requests().length >= 3);
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(requests().toSorted()).toEqual(['get later', 'get ns0', 'get ns1']);
  cluster.write('ns0', 'edited');
  // Nothing is known of it for a moment, not even that the watch is late.
  cluster.fail('get ns1', 'KUBE_UNAVAILABLE', 1);
  ahead = 600_002;
  const repaired = cluster.requests.length;
  await until(() => report()?.placements?.holding === 3 && cluster.holding(bundle.pem) === 3);
  await new Promise((resolve) => setTimeout(resolve, 700));
  // The edited one is read back, once it was written.
  const repairs = ['get later', 'get ns0', 'get ns0', 'get ns1', 'get ns1', 'patch ns0'];
  expect(
    cluster.requests
      .slice(repaired)
      .filter((one) => one !== 'list configmaps')
      .toSorted(),
  ).toEqual(repairs);
  sight();
  await until(() => report()?.error === undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(requests().filter((one) => !one.startsWith('get'))).toEqual(['patch ns0']);
});

it('what is right is read once when it is time to, also where a watch that is believed shows what was there before', async () => {
  const cluster = fakeCluster(2);
  let ahead = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
  const { placements } = fakePlacements(cluster, clock);
  const entry = placedEntry(owner, 'roots');
  const bundle = await bundleOf(owner);
  const first = ordersOf(entry, bundle);
  const holding = (orders: typeof first) => placements.settle(owner, orders)[0]?.placements?.holding;
  await until(() => holding(first) === 2);
  ahead = 200_000;
  // The watch says something, and nothing any more.
  cluster.write('ns0', bundle.pem);
  await until(() => cluster.requests.at(-1) === 'get ns0');
  cluster.blind();
  await until(() => cluster.refused() >= 1);
  const second = ordersOf(entry, await bundleOf(owner));
  await until(() => holding(second) === 2);
  const from = cluster.requests.length;
  ahead = 300_001;
  await until(() => holding(second) === 2 && cluster.requests.length > from);
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(
    cluster.requests
      .slice(from)
      .filter((one) => one !== 'list configmaps')
      .toSorted(),
  ).toEqual(['get ns0', 'get ns1']);
});
