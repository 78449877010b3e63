import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ClusterTrustBundle } from '#kube/object.ts';
import { clusterTrustBundles } from '#kube/resource.ts';
import { faultProxy, loseAnswer } from '../../kube/fault-proxy.ts';
import { adminClient } from '../../kube/lab.ts';
import { controlPlane } from '../../support/control-plane.ts';
import { apply, attestRole, binding, makeServiceAccount, role } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { clientOf, conditionOf, eventually, startPublisher, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem, rootsOfLength } from '../support/roots.ts';
import { known, type OpenScene, openScene, targetName } from '../support/scene.ts';

const namespace = 'cluster-faults';
const userOf = (account: string): string => `system:serviceaccount:${account}:mangrove`;
let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene(namespace);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

/** Writes of a ClusterTrustBundle by an account: verb and status of the answer. */
function writesSince(from: number, account: string, domain: string): string[] {
  return placed
    .audited(from, userOf(account))
    .filter(({ verb, requestURI }) => {
      const [path = ''] = decodeURIComponent(requestURI).split('?');
      const isOurs = path.endsWith('/clustertrustbundles') || path.endsWith(`/${targetName(domain)}`);
      return isOurs && ['create', 'update', 'patch'].includes(verb);
    })
    .map(({ verb, responseStatus }) => `${verb} ${responseStatus?.code}`);
}

describe('1,048,576 bytes', () => {
  const limit = 1_048_576;

  it('are published; of one more nothing is sent, for the API server takes no more', async () => {
    const domain = 'size.cluster.test';
    const publisher = placed.start([domain]);
    const [fitting, beyond] = [await rootsOfLength(limit), await rootsOfLength(limit + 1)];
    publisher.setAuthority(domain, known(domain, ...fitting));
    await apply(scene.kubectl, trustBundle(domain, [domain]));
    const object = await scene.untilPublished(domain, ...fitting);
    expect(object.spec.trustBundle).toHaveLength(limit);
    await placed.untilReady(domain);
    const from = placed.auditPosition();
    publisher.setAuthority(domain, known(domain, ...beyond));
    await scene.untilCondition(domain, 'Published', { status: 'False', reason: 'BundleTooLarge' });
    await scene.untilPublished(domain, ...fitting);
    expect(writesSince(from, namespace, domain)).toEqual([]);

    const oversized = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'ClusterTrustBundle',
      metadata: { name: 'oversized' },
      spec: { trustBundle: beyond.map((root) => pem(root)).join('') },
    };
    const create = scene.kubectl(['create', '-f', '-'], { input: JSON.stringify(oversized) });
    await expect(create).rejects.toThrow(/1048576/);
  });
});

describe('somebody who writes the ClusterTrustBundle whenever we do', () => {
  it('loses nothing, and does not keep the bundle from it', async () => {
    const domain = 'storm.cluster.test';
    const other = await adminClient();
    let theirs = 0;
    let isStormy = false;
    /** Between our read and our write. */
    const step = async (name: string): Promise<void> => {
      if (name !== 'publish/write' || !isStormy) return;
      const object = await other.get<ClusterTrustBundle>(clusterTrustBundles, targetName(domain));
      const annotations = { ...object.metadata.annotations, theirs: String(theirs + 1) };
      await other.update(clusterTrustBundles, { ...object, metadata: { ...object.metadata, annotations } });
      theirs += 1;
      // More often in a row than one attempt of ours reads again.
      isStormy = theirs < 5;
    };
    const publisher = placed.start([domain], { step });
    const root = await scene.given(publisher, domain);
    const from = placed.auditPosition();
    isStormy = true;
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, root, next));
    const object = await scene.untilPublished(domain, root, next);
    await placed.untilReady(domain);
    expect(writesSince(from, namespace, domain)).toEqual([
      ...Array.from({ length: 5 }, () => 'update 409'),
      'update 200',
    ]);
    expect(object.metadata.annotations).toMatchObject({ theirs: '5' });
  });
});

describe('rights that are taken away from a running publisher', () => {
  it.each([
    ['to attest', 'attest', attestRole.metadata.name],
    ['to everything', 'all', role.metadata.name],
  ])('%s: what is published stays, and it goes on when they are back', async (_what, label, taken) => {
    const domain = `${label}.cluster.test`;
    const account = `cluster-faults-${label}`;
    const roles = [role.metadata.name, attestRole.metadata.name];
    const poor = clientOf(scene.server, await makeServiceAccount(scene.kubectl, account, roles));
    onTestFinished(() => poor.close());
    const publisher = placed.start([domain], { client: poor });
    const root = await scene.given(publisher, domain);
    const before = await scene.published(domain);
    await scene.kubectl(['delete', 'clusterrolebinding', `${taken}-${account}`]);
    // The API server goes by its cache.
    await sleep(500);
    const from = placed.auditPosition();
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, root, next));
    await eventually(async () => {
      const refused = placed
        .audited(from, userOf(account))
        .filter(({ responseStatus }) => responseStatus?.code === 403);
      return refused.length > 1;
    });
    if (label === 'attest') {
      const bundle = await scene.untilCondition(domain, 'Published', {
        status: 'False',
        reason: 'TargetForbidden',
      });
      expect(conditionOf(bundle, 'Ready')?.message).toContain('Grant verb attest');
    }
    expect(await scene.published(domain)).toEqual(before);
    await apply(scene.kubectl, binding(taken, { namespace: account }));
    await scene.untilPublished(domain, root, next);
    await placed.untilReady(domain);
  });
});

describe('a write whose answer is lost', () => {
  it('is not made again: the object is read before anything is decided', async () => {
    const domain = 'lost.cluster.test';
    const account = 'cluster-faults-lost';
    const roles = [role.metadata.name, attestRole.metadata.name];
    const token = await makeServiceAccount(scene.kubectl, account, roles);
    const plane = await controlPlane();
    const proxy = await faultProxy();
    const server = { ...scene.server, url: proxy.url, certificateAuthority: proxy.certificate };
    const client = clientOf(server, token);
    onTestFinished(() => client.close());
    const lost: string[] = [];
    const after: string[] = [];
    proxy.setFault((request, _response, forward) => {
      const { method = '', url = '' } = request;
      if (!url.includes('/clustertrustbundles')) return forward();
      // A watch would tell what became of the write; without one it has to be asked for.
      if (url.includes('watch=')) return;
      if (method === 'GET' || lost.includes(method)) {
        if (lost.length > 0) after.push(method);
        return forward();
      }
      lost.push(method);
      void loseAnswer(request, plane);
    });
    const publisher = startPublisher(client, { handles: ({ spec }) => spec.trustDomain === domain });
    onTestFinished(() => publisher.stop());
    const from = placed.auditPosition();
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    await apply(scene.kubectl, trustBundle(domain, [domain]));
    await scene.untilPublished(domain, root);
    const created = await placed.untilReady(domain);
    expect(created.status?.targets).toMatchObject([{ hash: created.status?.hash }]);
    expect(after).toContain('GET');
    after.length = 0;
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, root, next));
    await scene.untilPublished(domain, root, next);
    await eventually(async () => {
      const { status } = await scene.bundleOf(domain);
      expect(status?.anchors).toHaveLength(2);
      expect(status?.targets).toMatchObject([{ hash: status?.hash }]);
      return true;
    });
    await placed.untilReady(domain);
    expect(lost).toEqual(['POST', 'PUT']);
    expect(after).toContain('GET');
    expect(writesSince(from, account, domain)).toEqual(['create 201', 'update 200']);
  });
});
