import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createOrders, openOrder } from '#bundles/controller/placement/order.ts';
import { readOwedBack } from '#bundles/controller/placement/read-back.ts';
import type { PlacementTarget } from '#bundles/target/named-target.ts';
import { isHolding, newPlacement, noteKnown } from '#bundles/target/placement.ts';
import { testSignal, until } from '../../kube/lab.ts';
import { bundleOf, fakeCluster, ordersOf, placedEntry } from '../support/fake-cluster.ts';
import { fakePlacements } from '../support/fake-placements.ts';

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

it('24 requests are in flight at most, and as many as that', async () => {
  const cluster = fakeCluster(100);
  const { client } = cluster;
  let [inFlight, most] = [0, 0];
  const request: typeof client.request = async (call) => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    try {
      await sleep(5);
      return await client.request(call);
    } finally {
      inFlight -= 1;
    }
  };
  const { placements } = fakePlacements({ client: { ...client, request } });
  const orders = ordersOf(placedEntry('wide.test', 'wide'), await bundleOf('wide.test'));
  await until(() => placements.settle('wide.test', orders)[0]?.placements?.holding === 100);
  expect(most).toBe(24);
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

it('Secrets are read back by name, however many', async () => {
  const owner = 'secrets.test';
  const keys = [{ key: 'ca.crt', format: 'pem' as const }];
  const spec = { namespaceSelector: {}, keys, adopt: false };
  const target: PlacementTarget = { kind: 'secret', name: 'roots', required: true, spec };
  const content = { bundle: await bundleOf(owner), error: undefined, partial: false };
  const made = createOrders().of(target, owner, content, { prunes: false, held: true });
  const { desired } = made;
  if (desired === undefined) throw new Error('nothing is wished for');
  const { client, requests } = fakeCluster(0);
  const { labels, annotations } = desired;
  const request = async ({ path }: { readonly path: string }) => {
    const namespace = /namespaces\/([^/]+)\//.exec(path)?.[1] ?? '';
    requests.push(`get ${namespace}`);
    const metadata = { name: 'roots', namespace, uid: namespace, resourceVersion: '1', labels, annotations };
    const data: unknown = JSON.parse(desired.data.toString());
    return { body: Buffer.from(JSON.stringify({ metadata, data })) };
  };
  const order = openOrder(made, 0);
  for (let index = 0; index < 9; index += 1) {
    const placement = newPlacement(`ns${index}`);
    const { digest } = desired;
    noteKnown(placement, { uid: undefined, version: '1', digest, keys: [], created: false }, undefined);
    order.placements.set(placement.namespace, placement);
  }
  const owed = [...order.placements.values()];
  await readOwedBack({
    client: Object.assign({}, client, { request }),
    order,
    desired,
    growOnly: false,
    owed: new Set(owed),
    now: () => 1,
    onFailure: (_placement, error) => {
      throw error;
    },
    signal: testSignal(),
  });
  expect(owed.filter((placement) => isHolding(placement, desired.digest))).toHaveLength(9);
  expect(requests.toSorted()).toEqual(owed.map(({ namespace }) => `get ${namespace}`));
});
