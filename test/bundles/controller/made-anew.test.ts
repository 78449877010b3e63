import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { makeBundle } from '#bundles/bundle/bundle.ts';
import { parseAnchor } from '#bundles/bundle/anchor.ts';
import { apply } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { signerOf, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { type OpenScene, openScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;
let one: Buffer;
let two: Buffer;
let three: Buffer;

beforeAll(async () => {
  scene = await openScene('made-anew', ['configmap-targets']);
  placed = placementsOf(scene);
  [one, two, three] = [await makeRoot(), await makeRoot(), await makeRoot()];
});

afterAll(() => scene.client.close());

const sha256 = (der: Buffer): string => createHash('sha256').update(der).digest('hex');
const hashOf = (domain: string, ...roots: Buffer[]): string =>
  makeBundle(
    domain,
    roots.map((root) => parseAnchor(root, 'root')),
  ).sha256;

async function give(domain: string, roots: readonly Buffer[], more: Partial<TrustBundle['spec']> = {}) {
  const sources = [{ inline: { name: 'corporate', pem: roots.map((root) => pem(root)).join('') } }];
  await apply(scene.kubectl, trustBundle(domain, [], { sources, ...more }));
}

const remove = (domain: string) => scene.kubectl(['delete', 'trustbundle', domain]);
const untilWithheld = (domain: string) =>
  scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'ShrinkWithheld' });

async function consent(domain: string, ...roots: Buffer[]): Promise<void> {
  const value = roots.map(sha256).join(',');
  await scene.kubectl(['annotate', 'trustbundle', domain, `mangrove.dev/allow-removal=${value}`]);
}

describe('a TrustBundle that was deleted and is made anew', () => {
  it.each(['at once', 'while no controller runs'])(
    'keeps what its ClusterTrustBundle holds until somebody agrees to lose it: %s',
    async (when) => {
      const domain = `${when.replaceAll(' ', '-')}.anew.test`;
      const before = placed.start([domain]);
      await give(domain, [one, two]);
      await scene.untilPublished(domain, one, two);
      if (when !== 'at once') await before.stop();
      await remove(domain);
      await give(domain, [three]);
      if (when !== 'at once') placed.start([domain]);
      await untilWithheld(domain);
      await scene.untilPublished(domain, one, two, three);
      await consent(domain, one, two);
      await scene.untilPublished(domain, three);
      await placed.untilReady(domain);
    },
  );

  it('keeps what its ConfigMaps hold, where these are all that it publishes', async () => {
    const domain = 'maps.anew.test';
    const spaces = await placed.namespaces('anew-maps', 2);
    const targets = [placed.target('anew-maps')];
    placed.start([domain]);
    await give(domain, [one, two], { targets });
    await placed.untilHolds(spaces, one, two);
    await remove(domain);
    await give(domain, [three], { targets });
    await untilWithheld(domain);
    await placed.untilHolds(spaces, one, two, three);
  });

  it('may lose at once what its canary alone holds: nobody has promoted it', async () => {
    const domain = 'canary.anew.test';
    const signerName = signerOf(domain);
    const targets = [
      { clusterTrustBundle: { signerName } },
      { clusterTrustBundle: { signerName, channel: 'canary' as const } },
    ];
    const promoted = hashOf(domain, one);
    placed.start([domain]);
    await give(domain, [one], { targets, promoted });
    await scene.untilPublished(domain, one);
    await give(domain, [one, two], { targets, promoted });
    await scene.untilCondition(domain, 'Promoted', { status: 'False', reason: 'PromotionPending' });
    await remove(domain);
    await give(domain, [one], { targets, promoted });
    await scene.untilCondition(domain, 'Promoted', { status: 'True' });
    const { status } = await placed.untilReady(domain);
    expect(status?.hash).toBe(promoted);
  });
});
