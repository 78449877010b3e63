import { expect } from 'vitest';
import { parseTrustBundleSpec, TrustBundleResource } from '#bundles/bundle/resource.ts';
import { adminClient } from '../kube/lab.ts';
import { ask, refusalOf, type Spec } from './dry-run.ts';

export const bundleSpec = {
  trustDomain: 'cluster.local',
  sources: [{ authority: { name: 'mesh' } }],
  targets: [{ clusterTrustBundle: { signerName: 'mangrove.dev/workload' } }],
};

/** By the API server and by the parser, in the same words. */
export async function expectRefused(change: Spec, message: string): Promise<void> {
  const spec = { ...bundleSpec, ...change };
  const client = await adminClient();
  expect(await ask(client, TrustBundleResource, { name: 'cluster.local', spec })).toEqual({
    refusal: expect.stringContaining(message),
  });
  expect(refusalOf(parseTrustBundleSpec, spec)).toEqual({
    code: 'BUNDLE_SPEC_INVALID',
    message: expect.stringContaining(message.replace(/^.*Invalid value: /, '')),
  });
}

/** By both. */
export async function expectAccepted(change: Spec): Promise<void> {
  const spec: Spec = { ...bundleSpec, ...change };
  const client = await adminClient();
  expect(await ask(client, TrustBundleResource, { name: 'cluster.local', spec })).toHaveProperty('spec');
  expect(refusalOf(parseTrustBundleSpec, spec)).toBeUndefined();
}
