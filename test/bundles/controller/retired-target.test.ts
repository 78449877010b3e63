import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { retire } from '#bundles/controller/retired-target.ts';
import { MangroveError } from '#errors/error.ts';
import { adminClient } from '../../kube/lab.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { noLandings } from '../support/landings.ts';
import { apply } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { trustBundle } from '../support/publisher.ts';
import { makeRoot } from '../support/roots.ts';
import { known, type OpenScene, openScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('retired-targets', [
    'configmap-targets',
    'clustertrustbundle-deletion',
    'configmap-deletion',
  ]);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

const absentApi = {
  isAbsent: () => true,
  resource: () => {
    throw new MangroveError('BUNDLE_API_ABSENT', 'the API server serves no ClusterTrustBundle');
  },
};

it('a ClusterTrustBundle is gone where none is served, and a file that is something else is not ours', async () => {
  const directory = scratchDirectory('retired');
  mkdirSync(join(directory, 'taken'));
  const tools = { client: await adminClient(), api: absentApi, landings: noLandings, directory };
  const { signal } = new AbortController();
  const bundle = { kind: 'clusterTrustBundle', name: 'x' } as const;
  expect(await retire(bundle, 'east.test', tools, signal)).toBeUndefined();
  expect(await retire({ kind: 'file', name: 'taken' }, 'east.test', tools, signal)).toBeUndefined();
  expect(existsSync(join(directory, 'taken'))).toBe(true);
});

it('a file that another TrustBundle publishes stays, also when it was the only one before', async () => {
  const domains = ['first.file.test', 'second.file.test'];
  const directory = scratchDirectory('shared');
  const publisher = placed.start(domains, { targets: { directory } });
  const root = await makeRoot();
  for (const domain of domains) publisher.setAuthority(domain, known(domain, root));
  const targets = [{ file: { name: 'shared-roots.pem' } }];
  const [first = '', second = ''] = domains;
  await apply(scene.kubectl, trustBundle(first, [first], { targets, deletionPolicy: 'Delete' }));
  await placed.untilReady(first);
  await apply(scene.kubectl, trustBundle(second, [second], { targets, deletionPolicy: 'Delete' }));
  await scene.untilCondition(second, 'Conflicted', { status: 'True' });
  await scene.kubectl(['delete', 'trustbundle', second, '--timeout=30s']);
  expect(existsSync(join(directory, 'shared-roots.pem'))).toBe(true);
  await scene.kubectl(['delete', 'trustbundle', first, '--timeout=30s']);
  expect(existsSync(join(directory, 'shared-roots.pem'))).toBe(false);
});
