import { describe, expect, it } from 'vitest';
import { until } from '../../kube/lab.ts';
import { bundleOf, fakeCluster, ordersOf, placedEntry } from '../support/fake-cluster.ts';
import { fakePlacements } from '../support/fake-placements.ts';

const owner = 'namespaces.test';
const size = 40;
/** More than are worked on at a time: the last of them wait for their turn. */
const names = Array.from({ length: size }, (_, index) => `ns${index}`);

async function busy() {
  const cluster = fakeCluster(size);
  const { placements } = fakePlacements(cluster);
  const releases = names.slice(0, 24).map((name) => cluster.hold(`create ${name}`));
  const orders = ordersOf(placedEntry(owner, 'roots'), await bundleOf(owner));
  const report = () => placements.settle(owner, orders)[0]?.placements;
  await until(() => report()?.namespaces === size && cluster.requests.includes('create ns23'));
  const release = () => {
    for (const one of releases) one();
  };
  return { cluster, report, release };
}

describe('a namespace that goes while it waits for its turn', () => {
  it('holds up the read-back of no other, and gets the bundle when it comes back', async () => {
    const { cluster, report, release } = await busy();
    cluster.remove('ns30');
    await until(() => report()?.namespaces === size - 1);
    release();
    await until(() => report()?.holding === size - 1);
    expect(cluster.requests).not.toContain('create ns30');
    cluster.touch('ns30');
    await until(() => report()?.holding === size);
  });

  it('and comes back before that gets the bundle like the others', async () => {
    const { cluster, report, release } = await busy();
    cluster.remove('ns30');
    await until(() => report()?.namespaces === size - 1);
    cluster.touch('ns30');
    release();
    await until(() => report()?.holding === size);
    expect(cluster.requests.filter((one) => one === 'create ns30')).toHaveLength(1);
  });
});

it('a namespace that goes while it is written to, and comes back, ends with the bundle', async () => {
  const { cluster, report, release } = await busy();
  cluster.remove('ns3');
  await until(() => report()?.namespaces === size - 1);
  cluster.touch('ns3');
  await until(() => report()?.namespaces === size);
  release();
  await until(() => report()?.holding === size);
});

it('a namespace that goes and was the last that others waited for has them read back at once', async () => {
  const cluster = fakeCluster(8);
  const { placements } = fakePlacements(cluster);
  const release = cluster.hold('create ns7');
  const orders = ordersOf(placedEntry(owner, 'roots'), await bundleOf(owner));
  await until(() => placements.settle(owner, orders)[0]?.placements?.namespaces === 8);
  await until(() => cluster.maps.size === 7);
  cluster.remove('ns7');
  await until(() => cluster.requests.includes('list metadata.name=roots'));
  release();
});

it('a namespace that refused a bundle fails no more once what it holds is wished for again', async () => {
  const cluster = fakeCluster(2);
  const { placements } = fakePlacements(cluster);
  const entry = placedEntry(owner, 'roots');
  const first = ordersOf(entry, await bundleOf(owner));
  const report = (orders: typeof first) => placements.settle(owner, orders)[0]?.placements;
  await until(() => report(first)?.holding === 2);
  cluster.fail('patch ns0', 'KUBE_INVALID');
  const second = ordersOf(entry, await bundleOf(owner));
  await until(() => report(second)?.holding === 1 && report(second)?.failures.length === 1);
  expect(report(first)).toMatchObject({ holding: 1 });
  await until(() => report(first)?.holding === 2);
  expect(report(first)?.failures).toEqual([]);
});
