import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { BundleControllerOptions } from '#bundles/controller.ts';
import type { KubeClient } from '#kube/client.ts';
import type { ConfigMap } from '#kube/object.ts';
import { configMaps } from '#kube/resource.ts';
import { kubectlFor, type OwnControlPlane, ownControlPlane } from '../../support/control-plane.ts';
import {
  apply,
  attestRole,
  binding,
  type Component,
  componentRole,
  makeServiceAccount,
  role,
} from '../support/permissions.ts';
import {
  clientOf,
  conditionOf,
  eventually,
  type Publisher,
  type Server,
  signerOf,
  startPublisher,
  trustBundle,
} from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type Scene, sceneOn } from '../support/scene.ts';

const api = 'certificates.k8s.io/v1/clustertrustbundles';
const none = { runtimeConfig: { [api]: false } };
const absent = { code: 'KUBE_NOT_FOUND' };

let plane: OwnControlPlane;
let server: Server;
let scene: Scene;

beforeAll(async () => {
  plane = await ownControlPlane([{ name: 'fallback', features: none }]);
  const { cluster, directory } = plane;
  server = { ...cluster, directory, kubectl: kubectlFor(cluster) };
  const components = [
    'configmap-targets',
    'secret-targets',
    'clustertrustbundle-deletion',
    'configmap-deletion',
    'secret-deletion',
  ] as const;
  await apply(server.kubectl, role, attestRole, ...components.map(componentRole));
  const metadata = { name: 'fallback-app', labels: { test: 'fallback' } };
  await apply(server.kubectl, { apiVersion: 'v1', kind: 'Namespace', metadata });
});

afterAll(() => plane.stop());

/** A service account of the shipped rights and these components. */
async function account(namespace: string, components: readonly Component[] = ['configmap-targets']) {
  const roles = [role, attestRole, ...components.map(componentRole)].map(({ metadata }) => metadata.name);
  const client = clientOf(server, await makeServiceAccount(server.kubectl, namespace, roles));
  onTestFinished(() => client.close());
  scene = sceneOn(server, client);
  return client;
}

function start(client: KubeClient, domain: string, more: Partial<BundleControllerOptions> = {}): Publisher {
  const publisher = startPublisher(client, {
    handles: ({ spec }) => spec.trustDomain === domain,
    namespace: 'kube-system',
    ...more,
  });
  onTestFinished(() => publisher.stop());
  return publisher;
}

const nameOf = (domain: string): string => `mangrove-trust-${domain}`;
const sha256 = (der: Buffer): string => createHash('sha256').update(der).digest('hex');
const evidence = ({ controller }: Publisher, domain: string, root: Buffer) =>
  controller.verifyPublished(domain, sha256(root));

const fallbackIn = (client: KubeClient, domain: string, namespace = 'fallback-app') =>
  client.get<ConfigMap>(configMaps, nameOf(domain), { namespace });

async function untilHolds(client: KubeClient, domain: string, root: Buffer): Promise<void> {
  await eventually(async () => {
    expect((await fallbackIn(client, domain)).data).toEqual({ 'ca.crt': pem(root) });
    return true;
  });
}

const untilReady = (domain: string) => scene.untilCondition(domain, 'Ready', { status: 'True' });

async function change(domain: string, spec: Partial<TrustBundle['spec']>): Promise<void> {
  await server.kubectl(['patch', 'trustbundle', domain, '--type=merge', '--patch', JSON.stringify({ spec })]);
}

describe('where the API server serves no ClusterTrustBundles', () => {
  it('ConfigMaps stand for them, in conditions and in evidence, over a restart of the controller', async () => {
    const domain = 'stands.fallback.test';
    const client = await account('fallback-stands');
    const publisher = start(client, domain);
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    await apply(server.kubectl, trustBundle(domain, [domain]));
    const bundle = await untilReady(domain);
    await untilHolds(client, domain, root);
    await expect(fallbackIn(client, domain, 'kube-system')).rejects.toMatchObject(absent);
    expect(bundle.status?.targets).toMatchObject([
      {
        kind: 'clusterTrustBundle',
        error: expect.stringContaining('serves no ClusterTrustBundle'),
      },
      { kind: 'configMap', name: nameOf(domain), hash: bundle.status?.hash, failing: 0 },
    ]);
    expect(conditionOf(bundle, 'Published')?.message).toContain(`ConfigMap ${nameOf(domain)} stands for`);
    const expected = { complete: true, targets: [{ target: `ConfigMap/${nameOf(domain)}` }] };
    expect(await evidence(publisher, domain, root)).toMatchObject(expected);
    expect(await evidence(publisher, domain, await makeRoot())).toMatchObject({ complete: false });
    await publisher.stop();

    // Its source cannot be read yet: what was published is known from the ConfigMaps alone.
    const second = start(client, domain);
    second.setAuthority(domain, { state: 'pending', message: 'not read yet' });
    const again = await scene.untilCondition(domain, 'Ready', { reason: 'SourcePending' });
    expect(conditionOf(again, 'Published')).toMatchObject({ status: 'True' });
    expect(again.status?.anchors).toHaveLength(1);
    await untilHolds(client, domain, root);
  }, 120_000);

  it('nothing is published without the rights, and the target says which component to apply', async () => {
    const domain = 'rights.fallback.test';
    const client = await account('fallback-rights', []);
    const publisher = start(client, domain);
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    await apply(server.kubectl, trustBundle(domain, [domain]));
    const bundle = await scene.untilCondition(domain, 'Published', { reason: 'TargetForbidden' });
    expect(conditionOf(bundle, 'Published')?.message).toContain('manifests/components/configmap-targets');
    await apply(server.kubectl, binding('mangrove-configmap-targets', { namespace: 'fallback-rights' }));
    await untilReady(domain);
    await untilHolds(client, domain, root);
  }, 120_000);

  it('what began is waited for on a deletion, though status and rights are lost by then', async () => {
    const domain = 'lost.fallback.test';
    const namespace = 'fallback-lost';
    const client = await account(namespace, ['configmap-targets', 'configmap-deletion']);
    const first = start(client, domain);
    const root = await makeRoot();
    first.setAuthority(domain, known(domain, root));
    await apply(server.kubectl, trustBundle(domain, [domain], { deletionPolicy: 'Delete' }));
    await untilReady(domain);
    await untilHolds(client, domain, root);
    const held = ['targets', 'configmap-targets', 'fallback-targets'].map((one) => `mangrove.dev/${one}`);
    expect((await scene.bundleOf(domain)).metadata.finalizers).toEqual(held);
    await first.stop();
    await server.kubectl(['delete', 'clusterrolebinding', `mangrove-configmap-targets-${namespace}`]);
    const lost = ['--type=merge', '--subresource=status', '-p', '{"status":null}'];
    await server.kubectl(['patch', 'trustbundle', domain, ...lost]);
    await server.kubectl(['delete', 'trustbundle', domain, '--wait=false']);
    start(client, domain);
    const waits = await scene.untilCondition(domain, 'Ready', { reason: 'TargetForbidden' });
    expect(waits.status?.targets).toMatchObject([{ kind: 'configMap', name: nameOf(domain) }]);
    await apply(server.kubectl, binding('mangrove-configmap-targets', { namespace }));
    await eventually(async () => {
      await expect(scene.bundleOf(domain)).rejects.toMatchObject(absent);
      return true;
    });
    await expect(fallbackIn(client, domain)).rejects.toMatchObject(absent);
  }, 120_000);

  it('a canary alone has no fallback, nor has who says Never; a target of its name takes its place', async () => {
    const domain = 'own.fallback.test';
    const client = await account('fallback-own');
    const publisher = start(client, domain);
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    const canary = { clusterTrustBundle: { signerName: signerOf(domain), channel: 'canary' as const } };
    await apply(server.kubectl, trustBundle(domain, [domain], { targets: [canary] }));
    await scene.untilCondition(domain, 'Published', { reason: 'ClusterTrustBundleAbsent' });
    const live = { clusterTrustBundle: { signerName: signerOf(domain) } };
    await change(domain, { targets: [live], fallback: { mode: 'Never' } });
    await scene.untilCondition(domain, 'Published', { observedGeneration: 2 });
    expect(await evidence(publisher, domain, root)).toMatchObject({ complete: false });
    expect((await scene.bundleOf(domain)).status?.targets).toHaveLength(1);
    await expect(fallbackIn(client, domain)).rejects.toMatchObject(absent);
    const own = {
      configMap: { namespaceSelector: { matchLabels: { test: 'fallback' } }, keys: [{ key: 'roots.pem' }] },
    };
    await change(domain, { targets: [live, own], fallback: { mode: 'Auto' } });
    await untilReady(domain);
    expect((await fallbackIn(client, domain)).data).toEqual({ 'roots.pem': pem(root) });
    expect(await evidence(publisher, domain, root)).toMatchObject({ complete: true });
    expect((await scene.bundleOf(domain)).status?.targets).toHaveLength(2);
  }, 120_000);
});

/** Both follow the bundle, and both are evidence. */
async function expectBoth(publisher: Publisher, client: KubeClient, domain: string): Promise<void> {
  const next = await makeRoot();
  publisher.setAuthority(domain, known(domain, next));
  await scene.untilPublished(domain, next);
  await untilHolds(client, domain, next);
  await untilReady(domain);
  const found = await evidence(publisher, domain, next);
  expect(found.targets.map(({ target }) => target)).toEqual([
    expect.stringContaining('ClusterTrustBundle/'),
    `ConfigMap/${nameOf(domain)}`,
  ]);
  expect(found.complete).toBe(true);
}

describe('when the API appears', () => {
  it('both are published until somebody says Never, what could not be published is let go, and Always needs no absence', async () => {
    const [domain, refused, always] = ['both', 'refused', 'always'].map((name) => `${name}.fallback.test`);
    if (domain === undefined || refused === undefined || always === undefined) throw new Error('no names');
    const poor = await account('fallback-refused', []);
    const client = await account('fallback-both', [
      'configmap-targets',
      'configmap-deletion',
      'secret-targets',
    ]);
    const root = await makeRoot();
    const [publisher, other] = [start(client, domain), start(poor, refused)];
    publisher.setAuthority(domain, known(domain, root));
    other.setAuthority(refused, known(refused, root));
    await apply(server.kubectl, trustBundle(domain, [domain], { deletionPolicy: 'Delete' }));
    await apply(server.kubectl, trustBundle(refused, [refused]));
    await untilReady(domain);
    await scene.untilCondition(refused, 'Published', { reason: 'TargetForbidden' });

    await plane.cluster.restart({});
    await scene.untilPublished(domain, root);
    await expectBoth(publisher, client, domain);
    await untilReady(refused);
    expect((await scene.bundleOf(refused)).status?.targets).toHaveLength(1);

    await publisher.stop();
    const second = start(client, domain);
    await expectBoth(second, client, domain);
    await change(domain, { fallback: { mode: 'Never' } });
    await eventually(async () => {
      await expect(fallbackIn(client, domain)).rejects.toMatchObject(absent);
      return (await scene.bundleOf(domain)).status?.targets?.length === 1;
    });
    await untilReady(domain);

    const third = start(client, always);
    third.setAuthority(always, known(always, root));
    const selector = { matchLabels: { test: 'fallback' } };
    const fallback = { mode: 'Always' as const, namespaceSelector: selector };
    await apply(server.kubectl, trustBundle(always, [always], { fallback }));
    await expectBoth(third, client, always);
    await expect(fallbackIn(client, always, 'default')).rejects.toMatchObject(absent);
    // With Retain it stays as it is.
    await change(always, { fallback: { mode: 'Never' } });
    await eventually(async () => (await scene.bundleOf(always)).status?.targets?.length === 1);
    expect((await fallbackIn(client, always)).data).toHaveProperty(['ca.crt']);
  }, 240_000);
});
