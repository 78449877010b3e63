import { describe, expect, test } from 'vitest';
import { parseTrustBundleSpec, TrustBundleResource } from '#bundles/bundle/resource.ts';
import { adminClient } from '../kube/lab.ts';
import { ask, refusalOf, type Spec } from './dry-run.ts';

const spec = {
  trustDomain: 'cluster.local',
  sources: [{ authority: { name: 'mesh' } }],
  targets: [{ clusterTrustBundle: { signerName: 'mangrove.dev/workload' } }],
};
const name = 'cluster.local';
const hash = '0123456789abcdef'.repeat(4);
const hashSyntax = 'must be a hash as in status.hash: 64 hex digits in lower case';
const someNamespaces = { matchExpressions: [{ key: 'a', operator: 'In' }] };

describe('a promotion or fallback is refused by the API server and by the parser', () => {
  test.each<[string, Spec, string]>([
    ['a hash in upper case', { promoted: hash.toUpperCase() }, hashSyntax],
    ['a hash that is no hex', { promoted: 'g'.repeat(64) }, hashSyntax],
    ['a short hash', { promoted: hash.slice(1) }, 'spec.promoted'],
    ['a long hash', { promoted: `${hash}0` }, 'spec.promoted'],
    ['a fallback of a strange mode', { fallback: { mode: 'Sometimes' } }, 'spec.fallback.mode'],
    [
      'a fallback by no value of any',
      { fallback: { namespaceSelector: someNamespaces } },
      'In and NotIn need values, Exists and DoesNotExist take none',
    ],
  ])('%s', async (_title, change, message) => {
    const asked = { ...spec, ...change };
    expect(await ask(await adminClient(), TrustBundleResource, { name, spec: asked })).toEqual({
      refusal: expect.stringContaining(message),
    });
    expect(refusalOf(parseTrustBundleSpec, asked)).toEqual({
      code: 'BUNDLE_SPEC_INVALID',
      message: expect.stringContaining(message),
    });
  });
});

test.each<[string, Spec]>([
  ['both', { promoted: hash, fallback: { mode: 'Always', namespaceSelector: { matchLabels: { a: 'b' } } } }],
  ['a fallback of defaults', { fallback: {} }],
])('%s are accepted, and read alike', async (_title, change) => {
  const asked = { ...spec, ...change };
  const object = await ask(await adminClient(), TrustBundleResource, { name, spec: asked });
  if ('refusal' in object) throw new Error(object.refusal);
  expect(object.spec).toEqual(parseTrustBundleSpec(asked));
});
