import { afterAll, beforeAll, expect, test } from 'vitest';
import { handledBy } from '#handled.ts';
import type { AnyObject } from '#kube/object.ts';
import { clusterTrustBundles, trustBundles } from '#kube/resource.ts';
import { parseConfig } from '#ops/config.ts';
import { makeRoot, pem } from './bundles/support/roots.ts';
import { kubectlFor, type OwnControlPlane, ownControlPlane } from './support/control-plane.ts';
import { type Installation, install, until } from './support/installation.ts';

let own: OwnControlPlane;
let on: Installation;
beforeAll(async () => {
  // Of its own: what reads no authority would be that of other tests, too.
  own = await ownControlPlane();
  const { cluster, directory } = own;
  on = await install({ ...cluster, server: cluster.url, directory, kubectl: kubectlFor(cluster) });
});
afterAll(async () => {
  await on.stop();
  await own.stop();
});

const inline = { inline: { name: 'partner', pem: '' } };
const reads = (...names: readonly string[]) => ({
  spec: {
    trustDomain: 'east.test',
    sources: [inline, ...names.map((name) => ({ authority: { name } }))],
    targets: [],
  },
});

const bundles = { none: reads(), mesh: reads('mesh'), other: reads('other'), both: reads('mesh', 'other') };

test.each([
  ['', ['none', 'mesh', 'other', 'both']],
  ['authorities: [mesh]', ['none', 'mesh']],
  ['authorities: [mesh, other]', ['none', 'mesh', 'other', 'both']],
  ['authorities: [mesh]\nbundlesWithoutAuthority: leave', ['mesh']],
  ['bundlesWithoutAuthority: leave', ['mesh', 'other', 'both']],
])('with the configuration %j the TrustBundles %j are handled', (config, wanted) => {
  const { bundle } = handledBy(parseConfig(`replica: a\n${config}`, { environment: {}, flags: {} }));
  expect(
    Object.entries(bundles)
      .filter(([, one]) => bundle(one))
      .map(([name]) => name),
  ).toEqual(wanted);
});

test('of two installations the one that handles them publishes TrustBundles that read no authority', async () => {
  await on.createAuthority();
  const sources = [{ inline: { name: 'partner', pem: pem(await makeRoot()) } }];
  const targets = [{ clusterTrustBundle: { name: 'partner' } }];
  await on.admin.create<AnyObject & { readonly spec: object }>(trustBundles, {
    metadata: { name: 'partner.test' },
    spec: { trustDomain: 'partner.test', sources, targets },
  });
  const published = () => on.admin.get(clusterTrustBundles, 'partner');

  const leaves = await on.start();
  await on.readyAuthority();
  await expect(published()).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });
  await leaves.stop();

  await on.start(0, { config: { ...(await on.config()), bundlesWithoutAuthority: 'handle' } });
  await until('it is published', () => published().catch(() => undefined));
});
