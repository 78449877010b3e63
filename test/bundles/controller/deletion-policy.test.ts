import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secrets } from '#kube/resource.ts';
import { adminClient } from '../../kube/lab.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { heldStep } from '../support/held-step.ts';
import { absent, openDeletionScene, secretTarget, untilGone } from '../support/deletions.ts';
import { apply } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { eventually, signerOf, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type OpenScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openDeletionScene('placement-deletion');
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

const finalizers = ['targets', 'configmap-targets', 'secret-targets'].map((name) => `mangrove.dev/${name}`);
const secretIn = async (namespace: string) => (await adminClient()).get(secrets, 'roots', { namespace });

describe('deletionPolicy Delete', () => {
  it('takes every target with the TrustBundle, and leaves what is not ours', async () => {
    const domain = 'all.deleted.test';
    const names = await placed.namespaces('all-deleted', 3);
    const directory = scratchDirectory('deleted');
    const publisher = placed.start([domain], { targets: { directory } });
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    const adopted = { apiVersion: 'v1', kind: 'ConfigMap', data: { other: 'kept' } };
    await apply(scene.kubectl, { ...adopted, metadata: { name: 'adopted', namespace: 'all-deleted-0' } });
    // It says that it is of ours, and of whom: not of this one.
    await apply(scene.kubectl, {
      ...adopted,
      metadata: {
        name: 'claimed',
        namespace: 'all-deleted-0',
        labels: { 'mangrove.dev/trust-bundle': domain, 'app.kubernetes.io/managed-by': 'mangrove' },
        annotations: { 'mangrove.dev/trust-bundle': 'other.test' },
      },
    });
    const targets = [
      { clusterTrustBundle: { signerName: signerOf(domain) } },
      placed.target('all-deleted'),
      placed.target('all-deleted', { name: 'adopted', adopt: true }),
      secretTarget(placed, 'all-deleted'),
      { file: { name: 'deleted.pem' } },
    ];
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Delete' }));
    await placed.untilReady(domain);
    expect((await scene.bundleOf(domain)).metadata.finalizers?.toSorted()).toEqual(finalizers.toSorted());
    expect(existsSync(join(directory, 'deleted.pem'))).toBe(true);
    expect((await placed.configMap('all-deleted-0', 'adopted')).data).toHaveProperty(['ca.crt']);
    await scene.kubectl(['delete', 'trustbundle', domain, '--timeout=30s']);
    await expect(scene.published(domain)).rejects.toMatchObject(absent);
    for (const name of names) {
      await expect(placed.configMap(name)).rejects.toMatchObject(absent);
      await expect(secretIn(name)).rejects.toMatchObject(absent);
    }
    expect(existsSync(join(directory, 'deleted.pem'))).toBe(false);
    expect((await placed.configMap('all-deleted-0', 'claimed')).data).toEqual({ other: 'kept' });
    const left = await placed.configMap('all-deleted-0', 'adopted');
    expect(left.data).toEqual({ other: 'kept' });
    expect(left.metadata.labels).toBeUndefined();
    expect(left.metadata.annotations).toBeUndefined();
    await expect(placed.configMap('all-deleted-1', 'adopted')).rejects.toMatchObject(absent);
    await scene.untilEvent(domain, 'TargetsDeleted');
  });

  it('takes away a target, a namespace and a key that left the specification, also by a controller that begins anew', async () => {
    const domain = 'some.deleted.test';
    const [where = '', other = ''] = await placed.namespaces('some-deleted', 2);
    const first = placed.start([domain]);
    const root = await makeRoot();
    first.setAuthority(domain, known(domain, root));
    const keys = [{ key: 'ca.crt' }, { key: 'old.pem' }];
    const spec = (...targets: Parameters<PlacementScene['bundle']>[2]) =>
      apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Delete' }));
    await spec(
      placed.target('some-deleted', { keys }),
      placed.target('some-deleted', { name: 'second' }),
      secretTarget(placed, 'some-deleted'),
    );
    await placed.untilReady(domain);
    await scene.kubectl(['label', 'namespace', other, 'test-']);
    await untilGone(() => placed.configMap(other));
    await untilGone(() => secretIn(other));
    await placed.untilHolds([where], root);
    await first.stop();
    const before = await placed.configMap(where);
    await spec(placed.target('some-deleted'));
    const second = placed.start([domain]);
    second.setAuthority(domain, known(domain, root));
    await untilGone(() => placed.configMap(where, 'second'));
    await untilGone(() => secretIn(where));
    await eventually(async () => {
      expect((await placed.configMap(where)).data).toEqual({ 'ca.crt': pem(root) });
      return true;
    });
    await placed.untilReady(domain);
    expect((await placed.configMap(where)).metadata.uid).toBe(before.metadata.uid);
    expect((await scene.bundleOf(domain)).status?.targets).toHaveLength(1);
  });

  it('takes away nothing that it publishes when its status is lost, as with a restored backup', async () => {
    const domain = 'restored.deleted.test';
    const names = await placed.namespaces('restored-deleted', 3);
    const publisher = placed.start([domain]);
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    const targets = [placed.target('restored-deleted')];
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Delete' }));
    await placed.untilReady(domain);
    const uids = () => Promise.all(names.map(async (name) => (await placed.configMap(name)).metadata.uid));
    const before = await uids();
    const lost = ['--type=merge', '--subresource=status', '-p', '{"status":null}'];
    await scene.kubectl(['patch', 'trustbundle', domain, ...lost]);
    // Our own view of the status is not looked at for its sake alone.
    await scene.kubectl(['label', 'namespace', names[0] ?? '', 'touched=yes']);
    await placed.untilReady(domain);
    expect(await uids()).toEqual(before);
  });
});

describe('deletionPolicy Delete, while something is on its way', () => {
  it('waits for it, and takes it with the TrustBundle', async () => {
    const domain = 'way.deleted.test';
    const [where = ''] = await placed.namespaces('way-deleted', 1);
    const write = heldStep('place/write');
    const publisher = placed.start([domain], { step: write.step });
    publisher.setAuthority(domain, known(domain, await makeRoot()));
    const targets = [placed.target('way-deleted')];
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Delete' }));
    await write.reached;
    await scene.kubectl(['delete', 'trustbundle', domain, '--wait=false']);
    await placed.untilTarget(domain, { error: expect.stringContaining('is being deleted') });
    write.open();
    await untilGone(() => scene.bundleOf(domain));
    await expect(placed.configMap(where)).rejects.toMatchObject(absent);
  });
});

describe('deletionPolicy Delete, when another process has led before', () => {
  it('waits as long as what that one has sent may land, and takes it with the TrustBundle', async () => {
    const domain = 'late.deleted.test';
    const [where = ''] = await placed.namespaces('late-deleted', 1);
    const first = placed.start([domain]);
    first.setAuthority(domain, known(domain, await makeRoot()));
    const targets = [{ clusterTrustBundle: { signerName: signerOf(domain) } }, placed.target('late-deleted')];
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Delete' }));
    await placed.untilReady(domain);
    const [bundle, configMap] = [await scene.published(domain), await placed.configMap(where)];
    await first.stop();
    await scene.kubectl(['delete', 'trustbundle', domain, '--wait=false']);
    placed.start([domain], { timing: { landingMs: 4_000 } });
    await untilGone(() => placed.configMap(where));
    await untilGone(() => scene.published(domain));
    const error = expect.stringContaining('may still be on its way');
    await eventually(async () => {
      const told = (await scene.bundleOf(domain)).status?.targets;
      expect(told).toMatchObject([
        { kind: 'clusterTrustBundle', error },
        { kind: 'configMap', error },
      ]);
      return true;
    });
    for (const { kind, apiVersion, metadata, ...rest } of [
      { ...bundle, kind: 'ClusterTrustBundle', apiVersion: 'certificates.k8s.io/v1' },
      { ...configMap, kind: 'ConfigMap', apiVersion: 'v1' },
    ]) {
      const { name, namespace, labels, annotations } = metadata;
      await apply(scene.kubectl, {
        apiVersion,
        kind,
        ...rest,
        metadata: { name, namespace, labels, annotations },
      });
    }
    await untilGone(() => scene.bundleOf(domain));
    await expect(placed.configMap(where)).rejects.toMatchObject(absent);
    await expect(scene.published(domain)).rejects.toMatchObject(absent);
  });
});

describe('deletionPolicy Retain', () => {
  it('leaves everything as it is, and lets go of a TrustBundle that was to take it away', async () => {
    const domain = 'kept.deleted.test';
    const names = await placed.namespaces('kept-deleted', 2);
    const publisher = placed.start([domain]);
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    const targets = [placed.target('kept-deleted')];
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Delete' }));
    await placed.untilReady(domain);
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Retain' }));
    await eventually(async () => (await scene.bundleOf(domain)).metadata.finalizers === undefined);
    // What was written meanwhile is to go as well, if it is Delete again.
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Delete' }));
    await eventually(async () => {
      const held = (await scene.bundleOf(domain)).metadata.finalizers;
      expect(held).toEqual(['mangrove.dev/targets', 'mangrove.dev/configmap-targets']);
      return true;
    });
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Retain' }));
    await eventually(async () => (await scene.bundleOf(domain)).metadata.finalizers === undefined);
    const before = await placed.configMap(names[0] ?? '');
    await scene.kubectl(['delete', 'trustbundle', domain, '--timeout=30s']);
    await scene.untilEvent(domain, 'TargetsKept');
    await placed.untilHolds(names, root);
    expect(await placed.configMap(names[0] ?? '')).toEqual(before);
  });
});
