import { describe, expect, it } from 'vitest';
import { trustBundleEntry } from '#bundles/controller/entry.ts';
import { createLandings } from '#bundles/controller/landings.ts';
import { createTargets } from '#bundles/controller/targets.ts';
import { systemClock } from '#kube/clock.ts';
import { testSignal } from '../../kube/lab.ts';
import { bundleOf, fakeCluster, placedEntry } from '../support/fake-cluster.ts';
import { fakePlacements } from '../support/fake-placements.ts';
import { noLandings } from '../support/landings.ts';
import { eventually } from '../support/publisher.ts';
import { removingPlacements, selecting } from '../support/removing-placements.ts';
import { unwatchedApi } from '../support/served-api.ts';

const wanted = { roots: 'wanted' };

describe('a Secret that was seen not to stand where it is not selected', () => {
  /** It was looked for there, and was written and deselected since without a look in between. */
  async function deselected() {
    const cluster = fakeCluster(1);
    const { look, leave, selected } = await removingPlacements(cluster, selecting('secret'));
    await eventually(async () => {
      await look();
      return cluster.requests.includes('get ns0');
    });
    cluster.touch('ns0', wanted);
    await eventually(async () => cluster.maps.size === 1);
    cluster.touch('ns0');
    await eventually(async () => selected() === 0);
    return { cluster, look, leave };
  }

  it('goes when it was written and is not selected again before anybody has looked', async () => {
    const { cluster, look } = await deselected();
    await eventually(async () => {
      await look();
      return cluster.maps.size === 0;
    });
  });

  it('goes with its TrustBundle', async () => {
    const { cluster, look, leave } = await deselected();
    leave();
    await eventually(async () => (await look()).length === 0);
    expect(cluster.maps.size).toBe(0);
  });
});

describe('the beginning of a deletion', () => {
  it('remembers nothing of what was seen to be gone before: it may have been written since', async () => {
    const cluster = fakeCluster(1);
    const { placements, bundles } = fakePlacements(cluster);
    const tools = { client: cluster.client, api: unwatchedApi, clock: systemClock, random: Math.random };
    const more = { landings: noLandings, staleMs: 120_000 };
    const targets = createTargets({
      bundles,
      tools: { ...tools, ...more },
      placements,
      directory: '/nowhere',
    });
    const { object } = placedEntry('east.test');
    const finalizers = ['mangrove.dev/targets', 'mangrove.dev/configmap-targets'];
    const entry = trustBundleEntry({
      ...object,
      metadata: { ...object.metadata, finalizers },
      spec: { ...object.spec, deletionPolicy: 'Delete' },
      status: { targets: [{ kind: 'configMap', name: 'roots' }] },
    });
    const signal = testSignal();
    const content = { bundle: await bundleOf('east.test'), error: undefined, partial: false };
    const settlement = { trustDomain: 'east.test', channels: { canary: content, live: content }, signal };
    await eventually(async () => (await targets.settle(entry, settlement)).length === 0);
    const annotations = { 'mangrove.dev/trust-bundle': 'east.test' };
    const metadata = { name: 'roots', namespace: 'ns0', annotations };
    // No watch has shown it yet.
    cluster.maps.set('ns0/roots', { metadata, data: {} });
    const [left] = await targets.end(entry, signal);
    expect(left).toMatchObject({ kind: 'configMap', name: 'roots', placements: { namespaces: 1 } });
  });
});

/** Nobody has led before. */
const landings = (landingMs: number) => {
  const now = () => performance.now();
  return createLandings({ landingMs, now, wall: now, createdAt: () => Number.POSITIVE_INFINITY });
};

describe.each(['configMap', 'secret'] as const)('a %s whose create was not answered', (kind) => {
  it('is not gone before it can appear no more, and goes when it does', async () => {
    const cluster = fakeCluster(1);
    const { look, leave } = await removingPlacements(cluster, selecting(kind), landings(1_500));
    const land = cluster.lose('ns0');
    await eventually(async () => {
      await look();
      cluster.touch('ns0', wanted);
      return cluster.requests.includes('create ns0');
    });
    leave();
    const message = expect.stringContaining('may still be on its way');
    await eventually(async () => {
      expect(await look()).toMatchObject([{ kind, error: { message } }]);
      return true;
    });
    land();
    expect(cluster.maps.size).toBe(1);
    await eventually(async () => (await look()).length === 0);
    expect(cluster.maps.size).toBe(0);
  });
});

describe('a ConfigMap target', () => {
  const told = { kind: 'configMap', name: 'roots', error: { code: 'BUNDLE_TARGET_LEAVING' } };

  /** Its only namespace is selected, once the watch stands. */
  async function begun() {
    const cluster = fakeCluster(1);
    const made = await removingPlacements(cluster, selecting('configMap'));
    const select = (isReached: () => boolean) =>
      eventually(async () => {
        await made.look();
        cluster.touch('ns0', wanted);
        return isReached();
      });
    return { cluster, select, ...made };
  }

  it('is not gone while it is being written', async () => {
    const { cluster, select, look, leave } = await begun();
    const answer = cluster.hold('create ns0');
    await select(() => cluster.requests.includes('create ns0'));
    leave();
    for (const _ of ['once', 'and again']) expect(await look()).toMatchObject([told]);
    answer();
    await eventually(async () => (await look()).length === 0);
    expect(cluster.maps.size).toBe(0);
  });

  it('is not gone while the watch alone does not show it, and the server is asked once when it is', async () => {
    const { cluster, select, look, leave, delayWatch } = await begun();
    const arrive = delayWatch();
    await select(() => cluster.maps.size === 1);
    leave();
    await eventually(async () => (await look())[0]?.placements?.namespaces === 1);
    expect(await look()).toMatchObject([told]);
    arrive();
    await eventually(async () => (await look()).length === 0);
    expect(cluster.maps.size).toBe(0);
    const asked = cluster.requests.length;
    await look();
    expect(cluster.requests).toHaveLength(asked);
  });

  it('that was seen to be gone is told no more, though another cannot be looked for', async () => {
    const { cluster, select, look, leave, selected } = await begun();
    await select(() => selected() === 1 && cluster.maps.size === 1);
    leave();
    await eventually(async () => (await look()).length === 0);
    cluster.fail('list configmaps', 'KUBE_UNAVAILABLE');
    leave({ kind: 'configMap', name: 'others' });
    const failing = { kind: 'configMap', name: 'others', error: { code: 'BUNDLE_TARGET_UNAVAILABLE' } };
    expect(await look()).toMatchObject([failing]);
  });

  it('is not gone while the server cannot be asked', async () => {
    const { cluster, select, look, leave, selected } = await begun();
    await select(() => selected() === 1 && cluster.maps.size === 1);
    const mend = cluster.fail('list configmaps', 'KUBE_UNAVAILABLE');
    cluster.maps.clear();
    leave();
    await eventually(async () => (await look())[0]?.error?.code === 'BUNDLE_TARGET_UNAVAILABLE');
    mend();
    await eventually(async () => (await look()).length === 0);
  });
});
