import { expect, it } from 'vitest';
import { until } from '../../kube/lab.ts';
import { bundleOf, fakeCluster, fakePlacements, ordersOf, placedEntry } from '../support/fake-cluster.ts';

it('a large bundle that is being read back holds up no other', async () => {
  const cluster = fakeCluster(8);
  const { placements } = fakePlacements(cluster);
  const release = cluster.hold('list metadata.name=large');
  const large = ordersOf(placedEntry('large.test', 'large'), await bundleOf('large.test'));
  const small = ordersOf(placedEntry('small.test', 'small'), await bundleOf('small.test'));
  const holding = (owner: string, orders: typeof large) =>
    placements.settle(owner, orders)[0]?.placements?.holding;
  await until(() => {
    holding('large.test', large);
    return cluster.requests.includes('list metadata.name=large');
  });
  await until(() => holding('small.test', small) === 8);
  expect(holding('large.test', large)).toBe(0);
  release();
  await until(() => holding('large.test', large) === 8);
});

it('a few are read back by name, and no other ConfigMap with them', async () => {
  const cluster = fakeCluster(3);
  const { placements } = fakePlacements(cluster);
  const orders = ordersOf(placedEntry('few.test', 'few'), await bundleOf('few.test'));
  await until(() => placements.settle('few.test', orders)[0]?.placements?.holding === 3);
  expect(cluster.requests.filter((one) => one.startsWith('list metadata.name'))).toEqual([]);
});

it('one more namespace is looked at alone, however many hold the bundle', async () => {
  const cluster = fakeCluster(200);
  const { placements, looks } = fakePlacements(cluster);
  const orders = ordersOf(placedEntry('more.test', 'more'), await bundleOf('more.test'));
  await until(() => placements.settle('more.test', orders)[0]?.placements?.holding === 200);
  const before = looks();
  cluster.touch('later');
  await until(() => cluster.requests.includes('get later'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(looks() - before).toBeLessThan(20);
});
