import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apply, attestRole, binding, makeServiceAccount, role } from '../support/permissions.ts';
import {
  clientOf,
  conditionOf,
  eventually,
  signerOf,
  startPublisher,
  trustBundle,
} from '../support/publisher.ts';
import { makeRoot } from '../support/roots.ts';
import { known, type OpenScene, openScene, targetName } from '../support/scene.ts';

let scene: OpenScene;

beforeAll(async () => {
  scene = await openScene('bundles-targets');
});

afterEach(() => scene.stopAll());

afterAll(() => scene.client.close());

describe('two TrustBundles that claim one target', () => {
  it('both say so; the older publishes, and the younger when the older is gone', async () => {
    const domain = 'claimed.targets.test';
    const publisher = scene.start(domain);
    const [older, younger] = [await makeRoot(), await makeRoot()];
    publisher.setAuthority('older', known(domain, older));
    publisher.setAuthority('younger', known(domain, younger));
    // The older one's name sorts last, so that age alone can make it win.
    const first = 'h-00000000000000c1';
    await apply(scene.kubectl, { ...trustBundle(domain, ['older']), metadata: { name: first } });
    await scene.untilPublished(domain, older);
    await eventually(async () => {
      const created = (await scene.bundleOf(first)).metadata.creationTimestamp ?? '';
      return Date.now() > Date.parse(created) + 1_500;
    });
    await apply(scene.kubectl, trustBundle(domain, ['younger']));
    const loser = await scene.untilCondition(domain, 'Published', {
      status: 'False',
      reason: 'TargetConflicted',
    });
    expect(conditionOf(loser, 'Conflicted')).toMatchObject({ status: 'True' });
    const winner = await scene.untilCondition(first, 'Conflicted', { status: 'True' });
    expect(conditionOf(winner, 'Conflicted')?.message).toContain(domain);
    expect(conditionOf(winner, 'Ready')).toMatchObject({ status: 'True' });
    await scene.untilPublished(domain, older);
    await scene.kubectl(['delete', 'trustbundle', first]);
    await scene.untilPublished(domain, younger);
    await scene.untilCondition(domain, 'Conflicted', { status: 'False' });
  });

  it('of different trust domains never take each other’s object over', async () => {
    const [east, west] = ['east.claim.targets.test', 'west.claim.targets.test'];
    const publisher = scene.start(east, west);
    const [eastRoot, westRoot] = [await makeRoot(), await makeRoot()];
    publisher.setAuthority('east', known(east, eastRoot));
    publisher.setAuthority('west', known(west, westRoot));
    const target = { signerName: signerOf('claim.targets.test'), name: targetName('claim.targets.test') };
    const targets = { targets: [{ clusterTrustBundle: target }] };
    await apply(scene.kubectl, trustBundle(east, ['east'], targets));
    const held = await scene.untilPublished('claim.targets.test', eastRoot);
    await scene.kubectl(['delete', 'trustbundle', east]);
    await apply(scene.kubectl, trustBundle(west, ['west'], targets));
    const bundle = await scene.untilCondition(west, 'Published', {
      status: 'False',
      reason: 'TargetForeign',
    });
    expect(bundle.status?.targets?.[0]?.error).toContain(`is of trust domain ${east}`);
    expect(await scene.published('claim.targets.test')).toEqual(held);
  });
});

describe('a TrustBundle with two targets', () => {
  it('that are one object is refused', async () => {
    const domain = 'twice.targets.test';
    scene.start(domain);
    const signerName = signerOf(domain);
    const targets = [
      { clusterTrustBundle: { signerName } },
      { clusterTrustBundle: { signerName, name: targetName(domain) } },
    ];
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets }));
    await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'InvalidSpec' });
  });

  it('publishes one when the other fails', async () => {
    const domain = 'half.targets.test';
    const publisher = scene.start(domain);
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    const targets = [
      { clusterTrustBundle: { signerName: 'not-ours.example.com/signer' } },
      { clusterTrustBundle: { signerName: signerOf(domain) } },
    ];
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets }));
    await scene.untilPublished(domain, root);
    const bundle = await scene.untilCondition(domain, 'Ready', {
      status: 'False',
      reason: 'TargetForbidden',
    });
    expect(bundle.status?.targets).toMatchObject([
      { name: `not-ours.example.com:signer:${domain}`, error: expect.stringContaining('attest') },
      { name: targetName(domain), hash: bundle.status?.hash },
    ]);
  });
});

describe('a controller', () => {
  it('without attest says so in the status, and publishes when it is granted', async () => {
    const domain = 'attest.targets.test';
    const token = await makeServiceAccount(scene.kubectl, 'bundles-attest', [role.metadata.name]);
    const poor = clientOf(scene.server, token);
    const publisher = startPublisher(poor, { handles: (bundle) => bundle.spec.trustDomain === domain });
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    await apply(scene.kubectl, trustBundle(domain, [domain]));
    const bundle = await scene.untilCondition(domain, 'Ready', {
      status: 'False',
      reason: 'TargetForbidden',
    });
    expect(conditionOf(bundle, 'Ready')?.message).toContain('Grant verb attest');
    await apply(scene.kubectl, binding(attestRole.metadata.name, { namespace: 'bundles-attest' }));
    await scene.untilPublished(domain, root);
    await scene.untilCondition(domain, 'Ready', { status: 'True' });
    await publisher.stop();
    poor.close();
  });

  it('that does not lead writes nothing until it leads', async () => {
    const domain = 'follower.targets.test';
    const publisher = scene.start(domain);
    publisher.leading = false;
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    await apply(scene.kubectl, trustBundle(domain, [domain]));
    // Another controller comes to the end of the same work meanwhile.
    await scene.given(scene.start('leader.targets.test'), 'leader.targets.test');
    await expect(scene.published(domain)).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });
    expect((await scene.bundleOf(domain)).status).toBeUndefined();
    publisher.leading = true;
    publisher.controller.resync();
    await scene.untilPublished(domain, root);
  });
});
