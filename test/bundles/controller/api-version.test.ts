import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KubeClient } from '#kube/client.ts';
import { atVersion, clusterTrustBundles } from '#kube/resource.ts';
import { kubectlFor, type OwnControlPlane, ownControlPlane } from '../../support/control-plane.ts';
import { apply, attestRole, makeServiceAccount, role } from '../support/permissions.ts';
import { clientOf, type Publisher, type Server, startPublisher, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type Scene, sceneOn, targetName } from '../support/scene.ts';

const v1 = 'certificates.k8s.io/v1/clustertrustbundles';
const v1beta1 = 'certificates.k8s.io/v1beta1/clustertrustbundles';
const older = { runtimeConfig: { [v1]: false, [v1beta1]: true } };
const none = { runtimeConfig: { [v1]: false } };

let plane: OwnControlPlane;
let server: Server;
let client: KubeClient;
let publisher: Publisher;
let scene: Scene;

beforeAll(async () => {
  plane = await ownControlPlane([{ name: 'versions', features: older }]);
  const { cluster, directory } = plane;
  server = { ...cluster, directory, kubectl: kubectlFor(cluster) };
  await apply(server.kubectl, role, attestRole);
  const roles = [role.metadata.name, attestRole.metadata.name];
  client = clientOf(server, await makeServiceAccount(server.kubectl, 'bundles-versions', roles));
  publisher = startPublisher(client, { handles: () => true });
  scene = sceneOn(server, client);
});

afterAll(async () => {
  await publisher.stop();
  client.close();
  await plane.stop();
});

it('publishes at the version that is served, and follows the server when it serves none, and then another', async () => {
  const domain = 'versions.test';
  const root = await makeRoot();
  publisher.setAuthority('mesh', known(domain, root));
  await apply(server.kubectl, trustBundle(domain, ['mesh'], { fallback: { mode: 'Never' } }));
  const { status } = await scene.untilCondition(domain, 'Ready', { status: 'True' });
  expect(status?.targets).toMatchObject([{ apiVersion: 'certificates.k8s.io/v1beta1' }]);
  const atBeta = await client.get(atVersion(clusterTrustBundles, 'v1beta1'), targetName(domain));
  expect(atBeta).toMatchObject({ spec: { trustBundle: pem(root) } });

  await plane.cluster.restart(none);
  const absent = await scene.untilCondition(domain, 'Published', {
    status: 'False',
    reason: 'ClusterTrustBundleAbsent',
  });
  expect(absent.status?.anchors).toHaveLength(1);
  expect(
    await publisher.controller.verifyPublished(domain, status?.anchors?.[0]?.sha256 ?? ''),
  ).toMatchObject({
    complete: false,
    targets: [{ error: { code: 'BUNDLE_API_ABSENT' } }],
  });
  const next = await makeRoot();
  publisher.setAuthority('mesh', known(domain, root, next));

  await plane.cluster.restart({});
  await scene.untilPublished(domain, root, next);
  const again = await scene.untilCondition(domain, 'Ready', { status: 'True' });
  expect(again.status?.targets).toMatchObject([{ apiVersion: 'certificates.k8s.io/v1' }]);
}, 180_000);

it('a ClusterTrustBundle as a source keeps its last good content while none are served, and says why', async () => {
  const domain = 'reading.test';
  const [own, corporate, next] = [await makeRoot(), await makeRoot(), await makeRoot()];
  const publish = (root: Buffer) =>
    apply(server.kubectl, {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'ClusterTrustBundle',
      metadata: { name: 'corporate' },
      spec: { trustBundle: pem(root) },
    });
  await publish(corporate);
  publisher.setAuthority('reading', known(domain, own));
  const sources = [{ authority: { name: 'reading' } }, { clusterTrustBundle: { name: 'corporate' } }];
  await apply(server.kubectl, trustBundle(domain, [], { sources, fallback: { mode: 'Never' } }));
  await scene.untilPublished(domain, own, corporate);
  await scene.untilCondition(domain, 'Ready', { status: 'True' });

  await plane.cluster.restart(none);
  const unread = await scene.untilCondition(domain, 'Ready', {
    status: 'False',
    reason: 'ClusterTrustBundleAbsent',
  });
  expect(unread.status?.anchors).toHaveLength(2);
  const [authority, source] = unread.status?.sources ?? [];
  expect(authority?.error).toBeUndefined();
  expect(source).toMatchObject({
    name: 'corporate',
    lastGoodTime: expect.any(String),
    error: expect.stringMatching(/the API server serves no ClusterTrustBundle.*BUNDLE_API_ABSENT/),
  });

  await plane.cluster.restart({});
  await publish(next);
  await scene.untilPublished(domain, own, next);
  await scene.untilCondition(domain, 'Ready', { status: 'True' });
}, 180_000);

it('takes an unreachable server for an unknown API, never for an absent one', async () => {
  const domain = 'outage.test';
  const root = await makeRoot();
  publisher.setAuthority('outage', known(domain, root));
  await apply(server.kubectl, trustBundle(domain, ['outage']));
  await scene.untilCondition(domain, 'Ready', { status: 'True' });
  await plane.cluster.stop();
  const evidence = await publisher.controller.verifyPublished(domain, 'ab').catch((error: unknown) => error);
  expect(evidence).toMatchObject({ code: 'KUBE_UNAVAILABLE' });
  await plane.cluster.restart({});
  const next = await makeRoot();
  publisher.setAuthority('outage', known(domain, root, next));
  await scene.untilPublished(domain, root, next);
}, 180_000);
