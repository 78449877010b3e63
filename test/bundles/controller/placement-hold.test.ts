import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { systemClock } from '#kube/clock.ts';
import { until } from '../../kube/lab.ts';
import { bundleOf, fakeCluster, ordersOf, placedEntry } from '../support/fake-cluster.ts';
import { fakePlacements } from '../support/fake-placements.ts';
import { secretOrder, withSecrets } from '../support/fake-secrets.ts';

const owner = 'hold.test';

/** As many as are worked on at a time. */
const atOnce = 24;

it('of many Secrets a few are looked at before their TrustBundle is held, which is asked for at once', async () => {
  const cluster = fakeCluster(100);
  const { placements, unheld } = fakePlacements({ client: withSecrets(cluster) });
  const bundle = await bundleOf(owner);
  const settle = (held: boolean) => placements.settle(owner, [secretOrder(owner, bundle, held)])[0];
  await until(() => settle(false)?.placements?.namespaces === 100);
  await until(() => unheld.length > 0);
  expect(placements.awaitingHold(owner)).toEqual(['secret']);
  await sleep(200);
  const looks = () => cluster.requests.filter((one) => one.startsWith('GET')).length;
  expect(looks()).toBeLessThanOrEqual(atOnce);
  expect(unheld).toEqual([owner]);
  await until(() => settle(true)?.placements?.holding === 100);
  expect(placements.awaitingHold(owner)).toEqual([]);
});

it.each(['configMap', 'secret'] as const)(
  'a TrustBundle whose finalizer is taken away each time is asked for %ss more and more slowly',
  async (kind) => {
    const cluster = fakeCluster(4);
    let ahead = 0;
    const clock = { ...systemClock, monotonic: () => 1_000 + ahead };
    const { placements } = fakePlacements({ client: withSecrets(cluster) }, clock);
    const bundle = await bundleOf(owner);
    const orders =
      kind === 'secret'
        ? [secretOrder(owner, bundle, false)]
        : ordersOf(placedEntry(owner, 'roots'), bundle).map((order) => ({ ...order, held: false }));
    const settle = () => placements.settle(owner, orders)[0];
    await until(() => settle()?.placements?.namespaces === 4);
    const waits: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      await until(() => placements.awaitingHold(owner).length > 0);
      // What is found out in between is the same, and nobody has to look for it.
      const from = cluster.requests.length;
      const waitMs = settle()?.retryMs ?? 0;
      expect(settle()?.retryMs).toBe(waitMs);
      waits.push(waitMs);
      ahead += waitMs - 1;
      settle();
      await sleep(5);
      expect(cluster.requests.slice(from)).toEqual([]);
      ahead += 1;
      settle();
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
  },
);
