import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterTrustBundle } from '#kube/object.ts';
import { clusterTrustBundles } from '#kube/resource.ts';
import { apply } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { conditionOf, eventually, type Publisher, signerOf, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type OpenScene, openScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('pooled-signer');
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

async function publish(publisher: Publisher, domain: string, signerName: string): Promise<Buffer> {
  const root = await makeRoot({ subject: `CN=${domain}` });
  publisher.setAuthority(domain, known(domain, root));
  await apply(
    scene.kubectl,
    trustBundle(domain, [domain], { targets: [{ clusterTrustBundle: { signerName } }] }),
  );
  return root;
}

/** What a pod that selects by this signer name would trust. */
async function trusted(signerName: string): Promise<string[]> {
  const { items } = await scene.client.list<ClusterTrustBundle>(clusterTrustBundles, {
    fieldSelector: `spec.signerName=${signerName}`,
  });
  return items.map(({ spec }) => spec.trustBundle);
}

const refused = { status: 'False', reason: 'SignerPooled' };

describe('two trust domains under one signer name', () => {
  it('are not pooled: the second says so and publishes nothing, until the first one’s object is gone', async () => {
    const [east, west] = ['east.pooled.test', 'west.pooled.test'];
    const signerName = signerOf('pooled.test');
    const publisher = placed.start([east, west]);
    const first = await publish(publisher, east, signerName);
    await placed.untilReady(east);
    const second = await publish(publisher, west, signerName);
    const bundle = await scene.untilCondition(west, 'Published', refused);
    expect(bundle.status?.targets).toMatchObject([
      { error: expect.stringContaining(`publishes trust domain ${east} under the same signer name`) },
    ]);
    expect(bundle.status?.targets?.[0]?.hash).toBeUndefined();
    // Tried again and again, and when its roots change.
    publisher.setAuthority(west, known(west, second, await makeRoot()));
    await eventually(async () => (await scene.bundleOf(west)).status?.anchors?.length === 2);
    for (let round = 0; round < 5; round += 1) {
      publisher.controller.resync();
      await sleep(200);
      expect(await trusted(signerName)).toEqual([pem(first)]);
    }
    expect(conditionOf(await scene.bundleOf(west), 'Published')).toMatchObject(refused);
    expect(conditionOf(await scene.bundleOf(east), 'Ready')).toMatchObject({ status: 'True' });

    publisher.setAuthority(west, known(west, second));
    await scene.kubectl(['delete', 'trustbundle', east]);
    await scene.kubectl(['delete', 'clustertrustbundle', `${signerName.replace('/', ':')}:${east}`]);
    await placed.untilReady(west);
    expect(await trusted(signerName)).toEqual([pem(second)]);
  });

  it('are not pooled when both begin at the same moment', async () => {
    const domains = ['north.pooled.test', 'south.pooled.test'];
    const signerName = signerOf('moment.pooled.test');
    let writing = 0;
    const step = async (name: string): Promise<void> => {
      if (name !== 'publish/write') return;
      writing += 1;
      // Long enough for the other to look, and to see nothing.
      if (writing === 1) await sleep(2_000);
    };
    const publisher = placed.start(domains, { step });
    const roots = await Promise.all(domains.map((domain) => publish(publisher, domain, signerName)));
    const conditions = await eventually(async () => {
      const bundles = await Promise.all(domains.map(scene.bundleOf));
      const all = bundles.map((bundle) => conditionOf(bundle, 'Published'));
      return all.every((one) => one !== undefined) ? all : undefined;
    });
    const winner = conditions.findIndex((one) => one?.status === 'True');
    expect(conditions[1 - winner]).toMatchObject(refused);
    expect(await trusted(signerName)).toEqual([pem(roots[winner] ?? Buffer.alloc(0))]);
  });
});
