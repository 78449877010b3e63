import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { BundleControllerOptions } from '#bundles/controller.ts';
import { secrets } from '#kube/resource.ts';
import { adminClient } from '../../kube/lab.ts';
import { absent, openDeletionScene, secretTarget, untilGone } from '../support/deletions.ts';
import {
  apply,
  attestRole,
  binding,
  type Component,
  componentRole,
  makeServiceAccount,
  role,
} from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import {
  clientOf,
  conditionOf,
  eventually,
  signerOf,
  startPublisher,
  trustBundle,
} from '../support/publisher.ts';
import { makeRoot } from '../support/roots.ts';
import { known, type OpenScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openDeletionScene('deletion-scene');
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

const finalizersOf = async (name: string) => (await scene.bundleOf(name)).metadata.finalizers ?? [];

/** Controllers with a service account of their own, which has the rights of the base and of these components. */
async function account(namespace: string, ...components: readonly Component[]) {
  const roles = [role, attestRole, ...components.map(componentRole)].map(({ metadata }) => metadata.name);
  const client = clientOf(scene.server, await makeServiceAccount(scene.kubectl, namespace, roles));
  onTestFinished(() => client.close());
  return {
    async start(domain: string, more: Partial<BundleControllerOptions> = {}) {
      const handles = ({ spec }: TrustBundle) => spec.trustDomain === domain;
      const publisher = startPublisher(client, { handles, ...more });
      onTestFinished(() => publisher.stop());
      publisher.setAuthority(domain, known(domain, await makeRoot()));
      return publisher;
    },
    grant: (component: Component) =>
      apply(scene.kubectl, binding(componentRole(component).metadata.name, { namespace })),
    revoke: (component: Component) =>
      scene.kubectl(['delete', 'clusterrolebinding', `mangrove-${component}-${namespace}`]),
  };
}

const write = (domain: string, ...targets: TrustBundle['spec']['targets']) =>
  apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Delete' }));

describe('what was never permitted', () => {
  it('keeps no TrustBundle, and no place in its status', async () => {
    const domain = 'never.rights.test';
    await placed.namespaces('never-rights', 1);
    await (await account('never-rights-app', 'clustertrustbundle-deletion')).start(domain);
    const bundle = { clusterTrustBundle: { signerName: signerOf(domain) } };
    const both = [placed.target('never-rights'), secretTarget(placed, 'never-rights')];
    await write(domain, bundle, ...both);
    await scene.untilCondition(domain, 'Published', { reason: 'TargetForbidden' });
    expect(await finalizersOf(domain)).toEqual(['mangrove.dev/targets']);
    await write(domain, bundle);
    await placed.untilReady(domain);
    await write(domain, bundle, ...both);
    await scene.untilCondition(domain, 'Published', { reason: 'TargetForbidden' });
    await scene.kubectl(['delete', 'trustbundle', domain, '--timeout=30s']);
    await expect(scene.published(domain)).rejects.toMatchObject(absent);
  });

  it('is so also where namespaces may be listed and Secrets may not be read, until they may', async () => {
    const domain = 'secrets.rights.test';
    const names = await placed.namespaces('secrets-rights', 2);
    const own = await account('secrets-rights-app', 'configmap-targets', 'secret-deletion');
    await own.start(domain);
    await write(domain, secretTarget(placed, 'secrets-rights'));
    await placed.untilTarget(domain, { failing: 2 });
    expect(await finalizersOf(domain)).toEqual(['mangrove.dev/targets']);
    await scene.kubectl(['delete', 'trustbundle', domain, '--timeout=30s']);

    await write(domain, secretTarget(placed, 'secrets-rights'));
    await placed.untilTarget(domain, { failing: 2 });
    await own.grant('secret-targets');
    await placed.untilReady(domain);
    expect(await finalizersOf(domain)).toEqual(['mangrove.dev/targets', 'mangrove.dev/secret-targets']);
    await scene.kubectl(['delete', 'trustbundle', domain, '--timeout=30s']);
    const admin = await adminClient();
    for (const namespace of names) {
      await expect(admin.get(secrets, 'roots', { namespace })).rejects.toMatchObject(absent);
    }
  });
});

describe('what was written', () => {
  it('keeps the TrustBundle while rights are missing, also when its status is lost meanwhile', async () => {
    const domain = 'lost.rights.test';
    const [where = ''] = await placed.namespaces('lost-rights', 1);
    const own = await account('lost-rights-app', 'configmap-targets', 'configmap-deletion');
    const first = await own.start(domain);
    await write(domain, placed.target('lost-rights'));
    await placed.untilReady(domain);
    await first.stop();
    await own.revoke('configmap-targets');
    const lost = ['--type=merge', '--subresource=status', '-p', '{"status":null}'];
    await scene.kubectl(['patch', 'trustbundle', domain, ...lost]);
    await scene.kubectl(['delete', 'trustbundle', domain, '--wait=false']);
    await own.start(domain);
    await scene.untilEvent(domain, 'TargetForbidden');
    const told = await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'TargetForbidden' });
    const error = expect.stringContaining('manifests/components/configmap-targets is not applied');
    expect(told.status?.targets).toMatchObject([{ kind: 'configMap', name: 'roots', error }]);
    expect(await finalizersOf(domain)).toContain('mangrove.dev/configmap-targets');
    await own.grant('configmap-targets');
    await untilGone(() => scene.bundleOf(domain));
    await expect(placed.configMap(where)).rejects.toMatchObject(absent);
  });

  it('keeps it while the right to delete is missing, as its status says', async () => {
    const domain = 'delete.rights.test';
    const names = await placed.namespaces('delete-rights', 2);
    const own = await account('delete-rights-app', 'configmap-targets');
    await own.start(domain);
    await write(domain, placed.target('delete-rights'));
    await placed.untilReady(domain);
    await scene.kubectl(['delete', 'trustbundle', domain, '--wait=false']);
    await placed.untilTarget(domain, { namespaces: 2, failing: 2, holding: 0 });
    for (const type of ['Published', 'Ready']) {
      const bundle = await scene.untilCondition(domain, type, { status: 'False', reason: 'TargetForbidden' });
      const { message } = conditionOf(bundle, type) ?? {};
      expect(message).toContain('(2 of 2 namespaces)');
      expect(message).toContain('add the component of manifests/components');
      expect(message).toContain('is being deleted and waits');
    }
    const told = await placed.targetStatus(domain);
    expect(told?.failures?.map(({ namespace }) => namespace)).toEqual(names);
    expect(told?.firstVerifiedTime).toBeDefined();
    await scene.untilEvent(domain, 'TargetForbidden');
    await own.grant('configmap-deletion');
    await untilGone(() => scene.bundleOf(domain));
    for (const name of names) await expect(placed.configMap(name)).rejects.toMatchObject(absent);
  });

  it('keeps it also when an older version has written it, with a finalizer for all kinds', async () => {
    const domain = 'older.rights.test';
    const [where = ''] = await placed.namespaces('older-rights', 1);
    const own = await account('older-rights-app', 'configmap-targets', 'configmap-deletion');
    const first = await own.start(domain);
    await write(domain, placed.target('older-rights'));
    await placed.untilReady(domain);
    await first.stop();
    await own.revoke('configmap-targets');
    const single = ['--type=merge', '-p', '{"metadata":{"finalizers":["mangrove.dev/targets"]}}'];
    await scene.kubectl(['patch', 'trustbundle', domain, ...single]);
    await scene.kubectl(['delete', 'trustbundle', domain, '--wait=false']);
    await own.start(domain);
    await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'TargetForbidden' });
    await own.grant('configmap-targets');
    await untilGone(() => scene.bundleOf(domain));
    await expect(placed.configMap(where)).rejects.toMatchObject(absent);
  });

  it('keeps nothing once it is gone, though a ConfigMap could stand for ClusterTrustBundles', async () => {
    const domain = 'over.rights.test';
    await placed.namespaces('over-rights', 1);
    const own = await account(
      'over-rights-app',
      'configmap-targets',
      'configmap-deletion',
      'clustertrustbundle-deletion',
    );
    const first = await own.start(domain);
    const bundle = { clusterTrustBundle: { signerName: signerOf(domain) } };
    await write(domain, bundle, placed.target('over-rights'));
    await placed.untilReady(domain);
    await write(domain, bundle);
    await eventually(async () => (await scene.bundleOf(domain)).metadata.finalizers?.length === 1);
    await first.stop();
    await own.revoke('configmap-targets');
    await scene.kubectl(['delete', 'trustbundle', domain, '--wait=false']);
    await own.start(domain);
    await untilGone(() => scene.bundleOf(domain));
  });

  it('is all that is waited for: no fallback that has not begun, though the look at ConfigMaps is refused', async () => {
    const domain = 'begun.rights.test';
    const [where = ''] = await placed.namespaces('begun-rights', 1);
    const components = ['configmap-targets', 'configmap-deletion', 'clustertrustbundle-deletion'] as const;
    const own = await account('begun-rights-app', ...components);
    const bundle = { clusterTrustBundle: { signerName: signerOf(domain) } };
    const interrupted = Promise.withResolvers<void>();
    const first = await own.start(domain, {
      async step(name) {
        if (name !== 'removal/release') return;
        interrupted.resolve();
        throw new Error('it ends here');
      },
    });
    await write(domain, bundle, placed.target('begun-rights'));
    await placed.untilReady(domain);
    await write(domain, bundle);
    await interrupted.promise;
    await first.stop();
    await expect(placed.configMap(where)).rejects.toMatchObject(absent);
    expect(await finalizersOf(domain)).toEqual(['mangrove.dev/targets', 'mangrove.dev/configmap-targets']);
    await own.revoke('configmap-targets');
    await scene.kubectl(['delete', 'trustbundle', domain, '--wait=false']);
    await own.start(domain);
    await untilGone(() => scene.bundleOf(domain));
  });
});
