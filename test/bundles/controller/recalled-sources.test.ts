import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { MangroveError } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { apply } from '../support/permissions.ts';
import { conditionOf, eventually, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type OpenScene, openScene } from '../support/scene.ts';
import { type Sources, sourcesOf } from '../support/sources.ts';

let scene: OpenScene;
let sources: Sources;

beforeAll(async () => {
  scene = await openScene('recalled-sources');
  sources = sourcesOf(scene);
});

afterAll(() => scene.client.close());

const sha256 = (der: Buffer): string => createHash('sha256').update(der).digest('hex');
const texts = (...roots: Buffer[]): string => roots.map((root) => pem(root)).join('');
const vanishedOf = ({ status }: TrustBundle) =>
  status?.anchors?.filter(({ vanishedTime }) => vanishedTime !== undefined).map((anchor) => anchor.sha256);

/** A bundle of an authority and of two sources that share a root, one of them with a root that has expired. */
async function shared(domain: string, name: string, terms: Record<string, unknown>) {
  const publisher = sources.start(domain);
  const roots = await Promise.all(Array.from({ length: 4 }, () => makeRoot()));
  const [own, one, two, both] = roots as [Buffer, Buffer, Buffer, Buffer];
  const expired = await makeRoot({ notAfter: new Date(Date.now() - 60_000) });
  const early = await makeRoot({ notBefore: new Date(Date.now() + 40_000_000) });
  await sources.configMap(name, { 'ca.crt': texts(one, two, both, expired, early) });
  publisher.setAuthority(domain, known(domain, own));
  const list = [
    { inline: { name: 'partner', pem: pem(both) } },
    { authority: { name: domain } },
    { configMap: { name }, ...terms },
  ];
  await apply(scene.kubectl, trustBundle(domain, [], { sources: list }));
  await scene.untilPublished(domain, own, one, two, both);
  await scene.untilCondition(domain, 'Ready', { status: 'True' });
  return { publisher, own, one, two, both, expired };
}

describe('a source with an expired and an early root, and one that it shares', () => {
  it('retains what vanished while no process ran', async () => {
    const domain = 'retained.recalled.test';
    const { publisher, own, one, two, both, expired } = await shared(domain, 'retained', {
      retainSeconds: 3_600,
    });
    await publisher.stop();
    await sources.configMap('retained', { 'ca.crt': texts(two, expired) });
    sources.start(domain).setAuthority(domain, known(domain, own));
    const bundle = await eventually(async () => {
      const now = await scene.bundleOf(domain);
      expect(vanishedOf(now)).toEqual([sha256(one)]);
      return now;
    });
    expect(bundle.status?.sources?.[2]?.vanished).toHaveLength(1);
    await scene.untilPublished(domain, own, one, two, both);
  });

  it('is worth what it was worth while it fails; roots of others leave the target meanwhile', async () => {
    const domain = 'shrinking.recalled.test';
    const { publisher, own, one, two, both } = await shared(domain, 'shrinking', {});
    await publisher.stop();
    await sources.remove('configmap', 'shrinking');
    const next = await makeRoot();
    const after = sources.start(domain);
    after.setAuthority(domain, known(domain, own, next));
    await scene.untilPublished(domain, own, next, one, two, both);
    after.setAuthority(domain, known(domain, next));
    await scene.untilPublished(domain, next, one, two, both);
    await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'SourceNotFound' });
  });
});

describe('a bundle of 2,000 roots', () => {
  it('is told of wholly, and recalled wholly after a start', async () => {
    const domain = 'large.recalled.test';
    const algorithm = { name: 'Ed25519' };
    const roots: Buffer[] = [];
    while (roots.length < 2_000) roots.push(await makeRoot({ subject: `CN=${roots.length}`, algorithm }));
    const publisher = sources.start(domain);
    for (const part of [0, 1]) {
      await scene.kubectl(['create', '-n', scene.sources, '-f', '-'], {
        input: JSON.stringify({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `large-${part}` },
          data: { 'ca.crt': texts(...roots.slice(part * 1_000, part * 1_000 + 1_000)) },
        }),
      });
    }
    const list = [0, 1].map((part) => ({ configMap: { name: `large-${part}` } }));
    await apply(
      scene.kubectl,
      trustBundle(domain, [], { sources: [{ authority: { name: domain } }, ...list] }),
    );
    const own = await makeRoot();
    publisher.setAuthority(domain, known(domain, own));
    await scene.untilPublished(domain, own, ...roots);
    const { status } = await eventually(async () => {
      const bundle = await scene.bundleOf(domain);
      expect(bundle.status?.anchors).toHaveLength(2_001);
      return bundle;
    });
    expect(status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True' });
    await publisher.stop();

    await sources.remove('configmap', 'large-0');
    await sources.remove('configmap', 'large-1');
    const next = await makeRoot();
    const after = sources.start(domain);
    after.setAuthority(domain, known(domain, next));
    await scene.untilPublished(domain, next, ...roots);
    await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'SourceNotFound' });
  }, 120_000);
});

describe('a start at which the ClusterTrustBundles cannot be listed', () => {
  it('changes nothing until they are, and retains then what vanished', async () => {
    const domain = 'blind.recalled.test';
    const first = sources.start(domain);
    const roots = await Promise.all(Array.from({ length: 4 }, () => makeRoot()));
    const [own, one, two, three] = roots as [Buffer, Buffer, Buffer, Buffer];
    await sources.configMap('blind', { 'ca.crt': texts(one, two, three) });
    first.setAuthority(domain, known(domain, own));
    const list = [{ authority: { name: domain } }, { configMap: { name: 'blind' }, retainSeconds: 3_600 }];
    await apply(scene.kubectl, trustBundle(domain, [], { sources: list }));
    await scene.untilPublished(domain, ...roots);
    await scene.untilCondition(domain, 'Ready', { status: 'True' });
    await first.stop();

    await sources.configMap('blind', { 'ca.crt': texts(one, two) });
    let blind = true;
    // Every service account may list them, by a role of Kubernetes itself: only a fault can keep one from it.
    const listPage: KubeClient['listPage'] = (resource, ...rest) =>
      blind && resource.plural === 'clustertrustbundles'
        ? Promise.reject(new MangroveError('KUBE_UNAVAILABLE', 'not now'))
        : scene.client.listPage(resource, ...rest);
    const second = sources.start(domain, { client: { ...scene.client, listPage } });
    second.setAuthority(domain, known(domain, own));
    const waiting = await scene.untilCondition(domain, 'Published', { status: 'False' });
    expect(conditionOf(waiting, 'Published')).toMatchObject({ reason: 'TargetUnavailable' });
    expect(waiting.status?.anchors).toHaveLength(4);
    await scene.untilPublished(domain, ...roots);

    blind = false;
    const bundle = await scene.untilCondition(domain, 'Ready', { status: 'True' });
    expect(vanishedOf(bundle)).toEqual([sha256(three)]);
    await scene.untilPublished(domain, ...roots);
  });
});
