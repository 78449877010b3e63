import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { ensureAuthorityBundle, trustBundleName } from '#bundles/controller/authority-bundle.ts';
import { trustBundles } from '#kube/resource.ts';
import { controlPlane } from '../../support/control-plane.ts';
import { type Installation, install } from '../../support/installation.ts';

let on: Installation;
beforeAll(async () => {
  on = await install(await controlPlane());
});
afterAll(() => on.stop());

/** What the API server adds to a source. */
const serverDefaults = { optional: false };

const read = (name: string): Promise<TrustBundle> => on.admin.get<TrustBundle>(trustBundles, name);

test('makes the TrustBundle of a trust domain once, and a second time writes nothing', async () => {
  const authority = {
    name: 'mesh',
    trustDomain: `a.${on.trustDomain}`,
    signerNames: ['a.example.com/x', 'b.example.com/x'],
  };
  const name = await ensureAuthorityBundle(on.admin, authority);
  expect(name).toBe(authority.trustDomain);
  const made = await read(name);
  expect(made.spec).toEqual({
    trustDomain: authority.trustDomain,
    maxShrinkPercent: 50,
    fallback: { mode: 'Auto', namespaceSelector: {} },
    deletionPolicy: 'Retain',
    sources: [{ authority: { name: 'mesh' }, ...serverDefaults }],
    targets: authority.signerNames.map((signerName) => ({
      clusterTrustBundle: { signerName, channel: 'live' },
      required: true,
    })),
  });
  await ensureAuthorityBundle(on.admin, authority);
  expect((await read(name)).metadata.resourceVersion).toBe(made.metadata.resourceVersion);
});

test('adds what is missing and leaves what an operator added', async () => {
  const authority = { name: 'mesh', trustDomain: `b.${on.trustDomain}`, signerNames: ['a.example.com/y'] };
  const name = await ensureAuthorityBundle(on.admin, authority);
  const made = await read(name);
  const canary = { clusterTrustBundle: { signerName: 'a.example.com/y', channel: 'canary' as const } };
  await on.admin.update(trustBundles, {
    ...made,
    spec: { ...made.spec, sources: [{ authority: { name: 'other' } }], targets: [canary] },
  });
  await ensureAuthorityBundle(on.admin, {
    ...authority,
    signerNames: [...authority.signerNames, 'c.example.com/y'],
  });
  const { spec } = await read(name);
  expect(spec.sources).toEqual([
    { authority: { name: 'other' }, ...serverDefaults },
    { authority: { name: 'mesh' }, ...serverDefaults },
  ]);
  expect(spec.targets).toEqual([
    { ...canary, required: true },
    { clusterTrustBundle: { signerName: 'a.example.com/y', channel: 'live' }, required: true },
    { clusterTrustBundle: { signerName: 'c.example.com/y', channel: 'live' }, required: true },
  ]);
});

test('two at once end with one complete object', async () => {
  const authority = { name: 'mesh', trustDomain: `c.${on.trustDomain}`, signerNames: ['a.example.com/z'] };
  await Promise.all([ensureAuthorityBundle(on.admin, authority), ensureAuthorityBundle(on.admin, authority)]);
  expect((await read(authority.trustDomain)).spec.sources).toHaveLength(1);
});

test('a trust domain that is no DNS name is named by its hash', async () => {
  expect(trustBundleName('under_score.test')).toMatch(/^h-[0-9a-f]{16}$/);
  const authority = {
    name: 'mesh',
    trustDomain: `under_score.${on.trustDomain}`,
    signerNames: ['a.example.com/w'],
  };
  const name = await ensureAuthorityBundle(on.admin, authority);
  expect((await read(name)).spec.trustDomain).toBe(authority.trustDomain);
});
