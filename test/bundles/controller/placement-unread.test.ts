import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#kube/clock.ts';
import { createMetrics } from '#ops/metrics.ts';
import { until } from '../../kube/lab.ts';
import { bundleOf, fakeCluster, ordersOf, placedEntry } from '../support/fake-cluster.ts';
import { fakePlacements } from '../support/fake-placements.ts';
import { apply, binding, componentRole, makeServiceAccount, role } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { clientOf, conditionOf, eventually, startPublisher } from '../support/publisher.ts';
import { makeRoot } from '../support/roots.ts';
import { known, type OpenScene, openScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('placement-unread', ['configmap-targets']);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

describe('namespaces that cannot be read back', () => {
  it('are told, and the age of the target grows until they can', async () => {
    const owner = 'unread.test';
    const cluster = fakeCluster(8);
    let ahead = 0;
    const clock = { ...systemClock, wall: () => systemClock.wall() + ahead };
    const { placements } = fakePlacements(cluster, clock);
    const entry = placedEntry(owner, 'roots');
    let orders = ordersOf(entry, await bundleOf(owner));
    const report = () => placements.settle(owner, orders)[0];
    await until(() => report()?.placements?.holding === 8);
    expect(report()).toMatchObject({ error: undefined, unread: false });
    const before = report()?.verifiedAt ?? 0;
    const mend = cluster.fail('list metadata.name=roots', 'KUBE_UNAVAILABLE');
    orders = ordersOf(entry, await bundleOf(owner));
    await until(() => report()?.unread === true);
    expect(report()?.error).toMatchObject({
      code: 'BUNDLE_TARGET_UNAVAILABLE',
      message: 'ConfigMap roots cannot be read back: it fails',
    });
    expect(report()?.placements).toMatchObject({ holding: 0, pending: 8 });
    ahead = 60_000;
    const seen = report()?.verifiedAt;
    expect(seen).toBeGreaterThanOrEqual(before);
    expect(seen).toBeLessThan(before + 30_000);
    mend();
    await until(() => report()?.placements?.holding === 8);
    expect(report()).toMatchObject({ error: undefined, unread: false });
    expect((report()?.verifiedAt ?? 0) - before).toBeGreaterThanOrEqual(60_000);
  });

  it('are asked for again at a pace of their own, however often somebody looks', async () => {
    const owner = 'pace.test';
    const cluster = fakeCluster(8);
    const { placements } = fakePlacements(cluster);
    cluster.fail('list metadata.name=roots', 'KUBE_UNAVAILABLE');
    const orders = ordersOf(placedEntry(owner, 'roots'), await bundleOf(owner));
    const pages = () => cluster.requests.filter((one) => one === 'list metadata.name=roots').length;
    await until(() => placements.settle(owner, orders)[0]?.unread === true);
    const until800 = performance.now() + 800;
    while (performance.now() < until800) {
      placements.settle(owner, orders);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(pages()).toBeLessThanOrEqual(4);
  });

  it('of which a few are refused one by one wait for their turn as well', async () => {
    const owner = 'few.unread.test';
    const cluster = fakeCluster(2);
    const { placements } = fakePlacements(cluster);
    const mend = cluster.fail('get ns1', 'KUBE_FORBIDDEN');
    const orders = ordersOf(placedEntry(owner, 'roots'), await bundleOf(owner));
    const report = () => placements.settle(owner, orders)[0]?.placements;
    await until(() => report()?.failing === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(cluster.requests.filter((one) => one === 'get ns1').length).toBeLessThanOrEqual(4);
    mend();
    await until(() => report()?.holding === 2);
  });

  it('are read back at once when they take what they refused before', async () => {
    const owner = 'refused.unread.test';
    const cluster = fakeCluster(2);
    // No delay is ever over.
    const { placements } = fakePlacements(cluster, { ...systemClock, monotonic: () => 1_000 });
    const entry = placedEntry(owner, 'roots');
    cluster.fail('create ns1', 'KUBE_INVALID', 1);
    let orders = ordersOf(entry, await bundleOf(owner));
    const report = () => placements.settle(owner, orders)[0]?.placements;
    await until(() => report()?.failing === 1);
    orders = ordersOf(entry, await bundleOf(owner));
    await until(() => report()?.holding === 2);
  });

  it('are all read back once one of them can be read again', async () => {
    const owner = 'alike.unread.test';
    const cluster = fakeCluster(3);
    // No delay is ever over.
    const { placements } = fakePlacements(cluster, { ...systemClock, monotonic: () => 1_000 });
    const bundle = await bundleOf(owner);
    const orders = ordersOf(placedEntry(owner, 'roots'), bundle);
    const mends = ['ns0', 'ns1', 'ns2'].map((name) => cluster.fail(`get ${name}`, 'KUBE_FORBIDDEN'));
    const report = () => placements.settle(owner, orders)[0]?.placements;
    await until(() => report()?.failing === 3);
    for (const mend of mends) mend();
    // It changes, so it is looked at.
    cluster.write('ns1', bundle.pem);
    await until(() => report()?.holding === 3);
  });

  it('are told by status and metric for as long as the right to list them is missing', async () => {
    const domain = 'listless.unread.test';
    const names = await placed.namespaces('listless-unread', 8);
    const account = { namespace: 'placement-listless' };
    const component = componentRole('configmap-targets');
    const roles = [role.metadata.name, component.metadata.name];
    const poor = clientOf(scene.server, await makeServiceAccount(scene.kubectl, account.namespace, roles));
    const metrics = createMetrics({ version: 'test' });
    onTestFinished(() => metrics.close());
    const publisher = startPublisher(poor, {
      handles: ({ spec }) => spec.trustDomain === domain,
      observer: metrics.bundles,
    });
    const root = await placed.bundle(publisher, domain, [placed.target('listless-unread')]);
    await placed.untilReady(domain);
    const unread = async () =>
      (await metrics.scrape()).body
        .split('\n')
        .filter((line) => line.startsWith(`mangrove_bundle_target_unread{bundle="${domain}"`));
    expect(await unread()).toEqual([expect.stringMatching(/target="configMap\/roots"\} 0$/)]);
    const listless = {
      ...component,
      metadata: { name: 'bundles-test-listless' },
      rules: component.rules.map((rule) => ({
        ...rule,
        ...('verbs' in rule &&
          Array.isArray(rule.verbs) && { verbs: rule.verbs.filter((verb) => verb !== 'list') }),
      })),
    };
    await apply(scene.kubectl, listless, binding(listless.metadata.name, account));
    await scene.kubectl(['delete', 'clusterrolebinding', `${component.metadata.name}-${account.namespace}`]);
    const next = await makeRoot();
    await eventually(async () => {
      const answer = await scene
        .kubectl(['auth', 'can-i', 'list', 'configmaps', '-A', `--as=${user(account.namespace)}`])
        .catch(() => 'no');
      return !answer.includes('yes');
    });
    publisher.setAuthority(domain, known(domain, root, next));
    const bundle = await scene.untilCondition(domain, 'Published', { reason: 'TargetForbidden' });
    expect(conditionOf(bundle, 'Published')?.message).toContain('ConfigMap roots cannot be read back');
    const status = await placed.untilTarget(domain, { namespaces: 8, holding: 0, failing: 0 });
    expect(status?.lastVerifiedTime).toBeDefined();
    expect(await unread()).toEqual([expect.stringMatching(/\} 1$/)]);
    await placed.untilHolds(names, root, next);
    await apply(scene.kubectl, binding(component.metadata.name, account));
    await placed.untilReady(domain);
    expect(await unread()).toEqual([expect.stringMatching(/\} 0$/)]);
    await publisher.stop();
    poor.close();
  });
});

const user = (namespace: string): string => `system:serviceaccount:${namespace}:mangrove`;
