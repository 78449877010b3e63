import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Bundle } from '#bundles/bundle/bundle.ts';
import { createTargets } from '#bundles/controller/targets.ts';
import { type Clock, systemClock } from '#kube/clock.ts';
import { testSignal, until } from '../../kube/lab.ts';
import { bundleOf, type FakeCluster, fakeCluster, ordersOf, placedEntry } from '../support/fake-cluster.ts';
import { fakePlacements } from '../support/fake-placements.ts';
import { noLandings } from '../support/landings.ts';
import { unwatchedApi } from '../support/served-api.ts';

const owner = 'terms.test';
const names = Array.from({ length: 8 }, (_, index) => `ns${index}`);
/** Longer than it takes to write all of them. */
const aMoment = 200;

/** Of one replica that leads, and has published. */
async function published(cluster: FakeCluster, bundle: Bundle, clock: Clock = systemClock) {
  const { placements, lead, bundles } = fakePlacements(cluster, clock);
  const { client } = cluster;
  const tools = {
    client,
    api: unwatchedApi,
    clock: systemClock,
    random: Math.random,
    landings: noLandings,
    staleMs: 120_000,
  };
  const targets = createTargets({ bundles, tools, placements, directory: '/nowhere' });
  const signal = testSignal();
  const settle = async (wished: Bundle) => {
    const content = { bundle: wished, error: undefined, partial: false };
    const channels = { canary: content, live: content };
    const settlement = { trustDomain: owner, channels, signal };
    const [report] = await targets.settle(placedEntry(owner, 'roots'), settlement);
    return report?.placements;
  };
  await until(async () => (await settle(bundle))?.holding === names.length);
  return { targets, lead, settle };
}

describe('a replica that leads again', () => {
  it('writes nothing of its earlier term, whatever it sees before its first reconcile', async () => {
    const cluster = fakeCluster(names.length);
    const [first, second, third] = [await bundleOf(owner), await bundleOf(owner), await bundleOf(owner)];
    const { targets, lead, settle } = await published(cluster, first);
    lead.leads = false;
    targets.forgetAll();
    for (const name of names) cluster.write(name, second.pem);
    await sleep(aMoment);
    lead.leads = true;
    targets.forgetAll();
    cluster.touch('ns3');
    cluster.write('ns4', second.pem);
    await sleep(aMoment);
    expect([cluster.holding(first.pem), cluster.holding(second.pem)]).toEqual([0, names.length]);
    await until(async () => (await settle(third))?.holding === names.length);
    expect(cluster.holding(third.pem)).toBe(names.length);
  });
});

describe('a write that is on its way while something else comes to be wished for', () => {
  it('is not repeated when it fails, and the new wish waits for no delay of its own', async () => {
    const cluster = fakeCluster(names.length);
    const [first, second, third] = [await bundleOf(owner), await bundleOf(owner), await bundleOf(owner)];
    // No delay is ever over.
    const clock = { ...systemClock, monotonic: () => 1_000 };
    const { settle } = await published(cluster, first, clock);
    const from = cluster.requests.length;
    const release = cluster.hold('patch ns0');
    cluster.fail('patch ns0', 'KUBE_UNAVAILABLE', 1);
    await settle(second);
    await until(() => cluster.requests.slice(from).includes('patch ns0'));
    await settle(third);
    release();
    await until(async () => (await settle(third))?.holding === names.length);
  });

  it('in an earlier term does not undo what another leader wrote since', async () => {
    const cluster = fakeCluster(names.length);
    const [first, second, third] = [await bundleOf(owner), await bundleOf(owner), await bundleOf(owner)];
    const { targets, lead, settle } = await published(cluster, first);
    const from = cluster.requests.length;
    const patches = () => cluster.requests.slice(from).filter((one) => one === 'patch ns0');
    const release = cluster.hold('patch ns0');
    await settle(second);
    await until(() => patches().length === 1);
    lead.leads = false;
    targets.forgetAll();
    await sleep(aMoment);
    for (const name of names) cluster.write(name, third.pem);
    lead.leads = true;
    targets.forgetAll();
    release();
    await sleep(aMoment);
    expect(cluster.holding(third.pem)).toBe(names.length);
    expect(patches()).toHaveLength(1);
  });
});

describe('a TrustBundle that cannot be read any more', () => {
  it('publishes what it said before no more', async () => {
    const cluster = fakeCluster(names.length);
    const bundle = await bundleOf(owner);
    const { targets, settle } = await published(cluster, bundle);
    targets.suspend(owner);
    cluster.write('ns1', 'edited');
    await sleep(aMoment);
    expect(cluster.holding('edited')).toBe(1);
    await settle(bundle);
    await until(() => cluster.holding('edited') === 0);
  });
});

describe('a TrustBundle that takes with it what it publishes', () => {
  it('has nothing created and nothing changed before it is held, and then all of it', async () => {
    const cluster = fakeCluster(names.length);
    const { placements } = fakePlacements(cluster);
    const [first, second] = [await bundleOf(owner), await bundleOf(owner)];
    const settle = (bundle: Bundle, held: boolean) => {
      const orders = ordersOf(placedEntry(owner, 'roots'), bundle).map((order) => ({ ...order, held }));
      const [report] = placements.settle(owner, orders);
      return { report, awaits: placements.awaitingHold(owner) };
    };
    await until(() => settle(first, false).awaits.length > 0);
    await sleep(aMoment);
    expect(settle(first, false).report).toMatchObject({
      error: { code: 'BUNDLE_TARGET_PENDING' },
      retryMs: expect.any(Number),
    });
    expect(cluster.maps.size).toBe(0);
    await until(() => settle(first, true).report?.placements?.holding === names.length);
    expect(settle(first, true).awaits).toEqual([]);
    const requests = cluster.requests.length;
    await until(() => settle(second, false).awaits.length > 0);
    await sleep(aMoment);
    expect(cluster.requests).toHaveLength(requests);
    await until(() => settle(second, true).report?.placements?.holding === names.length);
    expect(cluster.holding(second.pem)).toBe(names.length);
  });
});
