import { afterAll, beforeAll, expect, it } from 'vitest';
import { absent, openDeletionScene, secretTarget, untilGone } from '../bundles/support/deletions.ts';
import { apply, binding } from '../bundles/support/permissions.ts';
import { type PlacementScene, placementsOf } from '../bundles/support/placements.ts';
import { eventually, signerOf, trustBundle } from '../bundles/support/publisher.ts';
import { makeRoot } from '../bundles/support/roots.ts';
import { known, type OpenScene } from '../bundles/support/scene.ts';
import { readPage, section } from './support/page.ts';

const chapter = section(readPage('docs/operate.md'), 'Upgrade and downgrade');

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openDeletionScene('docs-upgrade');
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

/** The only command of the chapter with that text, for one TrustBundle: what it prints. */
async function run(text: string, name = ''): Promise<string> {
  const commands = [...chapter.matchAll(/^ {4}kubectl (.+)$/gm)].map(([, command = '']) => command);
  const [command = '', ...others] = commands.filter((one) => one.includes(text));
  expect([command === '', others]).toEqual([false, []]);
  const words = [...command.replaceAll('NAME', name).matchAll(/'([^']*)'|(\S+)/g)];
  return scene.kubectl(words.map(([, quoted, plain = '']) => quoted ?? plain));
}

const finalizersOf = async (name: string) => (await scene.bundleOf(name)).metadata.finalizers ?? [];
const kept = ['targets', 'configmap-targets', 'secret-targets'].map((name) => `mangrove.dev/${name}`);

/** One that takes with it what it publishes, and is kept for every kind of it. */
async function keptForAll(domain: string, test: string) {
  const publisher = placed.start([domain]);
  publisher.setAuthority(domain, known(domain, await makeRoot()));
  const bundle = { clusterTrustBundle: { signerName: signerOf(domain) } };
  const targets = [bundle, placed.target(test), secretTarget(placed, test)];
  await apply(scene.kubectl, trustBundle(domain, [domain], { targets, deletionPolicy: 'Delete' }));
  await placed.untilReady(domain);
  expect((await finalizersOf(domain)).toSorted()).toEqual(kept.toSorted());
  return publisher;
}

it('the component for all kinds is taken away, with its right to delete every Secret, and no other', async () => {
  const old = 'mangrove-target-deletion';
  const rules = [{ apiGroups: [''], resources: ['secrets', 'configmaps'], verbs: ['delete'] }];
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: old },
    rules,
  };
  await apply(scene.kubectl, role, {
    ...binding(old, { namespace: 'docs-upgrade' }),
    metadata: { name: old },
  });
  await run(old);
  const left = await scene.kubectl(['get', 'clusterroles,clusterrolebindings', '--output', 'name']);
  expect(left).not.toContain(old);
  expect(left).toContain('mangrove-secret-deletion');
});

it('on the way back what is published stays, and no finalizer is left that an older version does not know', async () => {
  const domain = 'retained.upgrade.test';
  const [where = ''] = await placed.namespaces('retained-upgrade', 1);
  const publisher = await keptForAll(domain, 'retained-upgrade');
  await run('"Retain"', domain);
  await eventually(async () => (await run('jsonpath', domain)) === '');
  await publisher.stop();
  await scene.kubectl(['delete', 'trustbundle', domain, '--timeout=30s']);
  expect((await placed.configMap(where)).data).toHaveProperty(['ca.crt']);
});

it('or the policy stays, with what an older version knows, and what a newer one gives again', async () => {
  const domain = 'policy.upgrade.test';
  const [where = ''] = await placed.namespaces('policy-upgrade', 1);
  await (await keptForAll(domain, 'policy-upgrade')).stop();
  await run('"finalizers"', domain);
  expect(JSON.parse(await run('jsonpath', domain))).toEqual(['mangrove.dev/targets']);
  placed.start([domain]);
  await eventually(async () => (await finalizersOf(domain)).length === kept.length);
  await scene.kubectl(['delete', 'trustbundle', domain, '--timeout=30s']);
  await untilGone(() => scene.bundleOf(domain));
  await expect(placed.configMap(where)).rejects.toMatchObject(absent);
});
