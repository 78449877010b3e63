import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeEvidence } from '#bundles/controller/verify.ts';
import type { BundleController } from '#bundles/controller.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { signerOf } from '../support/publisher.ts';
import { makeRoot } from '../support/roots.ts';
import { type OpenScene, openScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('placement-verify', ['configmap-targets', 'secret-targets']);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

const evidence = (controller: BundleController, domain: string, root: Buffer) =>
  controller.verifyPublished(domain, createHash('sha256').update(root).digest('hex'));

describe('evidence that an anchor is published in namespaces', () => {
  it('is what each of them holds at this moment, by ConfigMaps and by Secrets', async () => {
    const domain = 'all.verify.test';
    const names = await placed.namespaces('all-verify', 20);
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [
      placed.target('all-verify'),
      { secret: { name: 'roots', namespaceSelector: placed.selector('all-verify') } },
    ]);
    await placed.untilReady(domain);
    const found = await evidence(publisher.controller, domain, root);
    expect(found).toMatchObject({
      complete: true,
      targets: [
        { target: 'ConfigMap/roots', published: true, places: 20, error: undefined },
        { target: 'Secret/roots', published: true, places: 20, error: undefined },
      ],
    });
    const other = await evidence(publisher.controller, domain, await makeRoot());
    expect(other.complete).toBe(false);
    // Nobody repairs it any more.
    publisher.leading = false;
    await scene.kubectl(['delete', 'configmap', 'roots', '-n', names[7] ?? '']);
    await scene.kubectl(['delete', 'secret', 'roots', '-n', names[3] ?? '']);
    const lacking = await evidence(publisher.controller, domain, root);
    expect(lacking.complete).toBe(false);
    const { message } = describeEvidence(lacking);
    expect(message).toContain(`1 of 20 namespaces do not hold anchor`);
    expect(message).toContain(`such as ${names[7]}: there is none`);
    expect(message).toContain(`such as ${names[3]}: there is none`);
  });

  it('does not ask for a target that is not required', async () => {
    const domain = 'optional.verify.test';
    await placed.namespaces('optional-verify', 1);
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [
      { clusterTrustBundle: { signerName: signerOf(domain) } },
      { ...placed.target('optional-verify'), required: false },
    ]);
    await placed.untilReady(domain);
    publisher.leading = false;
    await scene.kubectl(['delete', 'configmap', 'roots', '-n', 'optional-verify-0']);
    const found = await evidence(publisher.controller, domain, root);
    expect(found.targets.map(({ target }) => target)).toEqual([
      expect.stringContaining('ClusterTrustBundle/'),
    ]);
    expect(found.complete).toBe(true);
  });

  it('is none where no namespace is selected', async () => {
    const domain = 'empty.verify.test';
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [placed.target('empty-verify')]);
    await placed.untilReady(domain);
    const found = await evidence(publisher.controller, domain, root);
    expect(found).toMatchObject({ complete: false, targets: [{ published: true, places: 0 }] });
    expect(describeEvidence(found)).toEqual({
      published: false,
      message: expect.stringContaining('selects a namespace'),
    });
  });
});
