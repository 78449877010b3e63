import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply } from '../support/permissions.ts';
import { eventually, type Publisher, signerOf, startPublisher, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type OpenScene, openScene, targetName } from '../support/scene.ts';

const user = 'system:serviceaccount:bundles-publish:mangrove';
let scene: OpenScene;
let publisher: Publisher;

beforeAll(async () => {
  scene = await openScene('bundles-publish');
  const mine = (bundle: { metadata: { name: string } }) => bundle.metadata.name.endsWith('.publish.test');
  publisher = startPublisher(scene.client, { handles: mine });
});

afterAll(async () => {
  await publisher.stop();
  scene.client.close();
});

describe('a TrustBundle', () => {
  it('is published under its signer, with what pods select by, and says so in its status', async () => {
    const root = await scene.given(publisher, 'first.publish.test');
    const object = await scene.published('first.publish.test');
    expect(object.spec).toEqual({ signerName: signerOf('first.publish.test'), trustBundle: pem(root) });
    expect(object.metadata.annotations).toMatchObject({
      'mangrove.dev/trust-domain': 'first.publish.test',
      'mangrove.dev/trust-bundle': 'first.publish.test',
    });
    const { status, metadata } = await scene.bundleOf('first.publish.test');
    const hash = object.metadata.annotations?.['mangrove.dev/bundle-sha256'];
    expect(status).toMatchObject({
      observedGeneration: metadata.generation,
      hash,
      anchors: [{ subject: 'CN=first.publish.test', source: 'authority/first.publish.test' }],
      sources: [{ kind: 'authority', name: 'first.publish.test' }],
      targets: [
        {
          kind: 'clusterTrustBundle',
          name: targetName('first.publish.test'),
          apiVersion: 'certificates.k8s.io/v1',
          hash,
          lastVerifiedTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        },
      ],
    });
    expect(status?.conditions?.map(({ type, status }) => [type, status])).toEqual([
      ['Published', 'True'],
      ['Ready', 'True'],
    ]);
  });

  it('follows its authority: a root joins, and another leaves', async () => {
    const old = await scene.given(publisher, 'rotating.publish.test');
    const next = await makeRoot({ subject: 'CN=next' });
    publisher.setAuthority('rotating.publish.test', known('rotating.publish.test', old, next));
    await scene.untilPublished('rotating.publish.test', old, next);
    publisher.setAuthority('rotating.publish.test', known('rotating.publish.test', next));
    await scene.untilPublished('rotating.publish.test', next);
  });

  it('keeps labels and annotations that others put on its target', async () => {
    const root = await scene.given(publisher, 'labels.publish.test');
    const name = targetName('labels.publish.test');
    await scene.kubectl(['label', 'clustertrustbundle', name, 'team=blue']);
    await scene.kubectl(['annotate', 'clustertrustbundle', name, 'note=kept']);
    const next = await makeRoot();
    publisher.setAuthority('labels.publish.test', known('labels.publish.test', root, next));
    const object = await scene.untilPublished('labels.publish.test', root, next);
    expect(object.metadata).toMatchObject({ labels: { team: 'blue' }, annotations: { note: 'kept' } });
  });
});

describe('a target that somebody else changes', () => {
  it.each([
    ['content', 'content', ['patch', '--type=merge', '-p', 'FOREIGN']],
    ['channel label', 'channel', ['label', 'mangrove.dev/channel-']],
    ['managed-by label', 'managed', ['label', 'app.kubernetes.io/managed-by-']],
    ['owner annotation', 'owner', ['annotate', 'mangrove.dev/trust-bundle-']],
  ])('is put right: %s', async (_what, name, [verb = '', ...args]) => {
    const domain = `${name}.edited.publish.test`;
    const root = await scene.given(publisher, domain);
    const patch = JSON.stringify({ spec: { trustBundle: pem(await makeRoot()) } });
    const before = await scene.published(domain);
    await scene.kubectl([
      verb,
      'clustertrustbundle',
      targetName(domain),
      ...args.map((arg) => (arg === 'FOREIGN' ? patch : arg)),
    ]);
    const after = await eventually(async () => {
      const object = await scene.untilPublished(domain, root);
      expect(object.metadata.annotations?.['mangrove.dev/trust-bundle']).toBe(domain);
      return object.metadata.resourceVersion === before.metadata.resourceVersion ? undefined : object;
    });
    expect(after.metadata.uid).toBe(before.metadata.uid);
  });

  it('is put right when it was replaced by a bare object', async () => {
    const domain = 'bare.edited.publish.test';
    const root = await scene.given(publisher, domain);
    const bare = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'ClusterTrustBundle',
      metadata: { name: targetName(domain) },
      spec: { signerName: signerOf(domain), trustBundle: pem(await makeRoot()) },
    };
    await scene.kubectl(['replace', '-f', '-'], { input: JSON.stringify(bare) });
    await scene.untilPublished(domain, root);
  });

  it('is made again when it was deleted, and an event says what happened', async () => {
    const domain = 'deleted.publish.test';
    const root = await scene.given(publisher, domain);
    const before = await scene.published(domain);
    await scene.kubectl(['delete', 'clustertrustbundle', targetName(domain)]);
    const after = await scene.untilPublished(domain, root);
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    await scene.untilEvent(domain, 'TargetRepaired');
  });
});

describe('a foreign object that has the name of a target', () => {
  it('is not taken over; once it is gone the bundle is published', async () => {
    const domain = 'foreign.publish.test';
    const foreign = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'ClusterTrustBundle',
      metadata: { name: targetName(domain), labels: { 'app.kubernetes.io/managed-by': 'Helm' } },
      spec: { signerName: signerOf(domain), trustBundle: pem(await makeRoot()) },
    };
    await apply(scene.kubectl, foreign);
    const before = await scene.published(domain);
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    await apply(scene.kubectl, trustBundle(domain, [domain]));
    const bundle = await scene.untilCondition(domain, 'Published', {
      status: 'False',
      reason: 'TargetForeign',
    });
    expect(bundle.status?.targets?.[0]?.error).toContain('was not made by Mangrove');
    expect(await scene.published(domain)).toEqual(before);
    await scene.untilEvent(domain, 'TargetForeign');
    await scene.kubectl(['delete', 'clustertrustbundle', targetName(domain)]);
    await scene.untilPublished(domain, root);
    await scene.untilCondition(domain, 'Ready', { status: 'True' });
  });
});

describe('a TrustBundle that is deleted', () => {
  it('leaves its target as it is and says so in an event', async () => {
    const domain = 'kept.publish.test';
    await scene.given(publisher, domain);
    const before = await scene.published(domain);
    await scene.kubectl(['delete', 'trustbundle', domain]);
    await scene.untilEvent(domain, 'TargetsKept');
    expect(await scene.published(domain)).toEqual(before);
  });
});

describe('a reconcile that finds nothing new', () => {
  it('writes nothing and reads nothing', async () => {
    const domain = 'quiet.publish.test';
    await scene.given(publisher, domain);
    const [target, bundle] = [await scene.published(domain), await scene.bundleOf(domain)];
    // The audit log is written before the answer, so it is complete up to here.
    const audited = readFileSync(scene.server.auditLog).length;
    for (let round = 0; round < 20; round += 1) publisher.controller.resync();
    // A change of another bundle comes out behind all of these reconciles.
    await scene.given(publisher, 'behind.publish.test');
    expect(await scene.published(domain)).toEqual(target);
    expect(await scene.bundleOf(domain)).toEqual(bundle);
    const requests = readFileSync(scene.server.auditLog)
      .subarray(audited)
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map(
        (line) =>
          JSON.parse(line) as {
            user: { username: string };
            verb: string;
            requestURI: string;
            userAgent: string;
          },
      )
      .filter((event) => event.user.username === user && event.requestURI.includes(domain));
    // Ours are the two reads above.
    expect(requests.map(({ verb }) => verb)).toEqual(['get', 'get']);
  });
});
