import { describe, expect, test } from 'vitest';
import { parseTrustBundleSpec, TrustBundleResource } from '#bundles/bundle/resource.ts';
import { adminClient } from '../kube/lab.ts';
import { ask, changeTrustDomain, refusalOf, reservedSigner as reserved, type Spec } from './dry-run.ts';

const bundleSpec = {
  trustDomain: 'cluster.local',
  sources: [{ authority: { name: 'mesh' } }],
  targets: [{ clusterTrustBundle: { signerName: 'mangrove.dev/workload' } }],
};

test('the defaults of the API server are the defaults of the parser', async () => {
  const client = await adminClient();
  const bundle = await ask(client, TrustBundleResource, { name: 'cluster.local', spec: bundleSpec });
  if ('refusal' in bundle) throw new Error(bundle.refusal);
  expect(bundle.spec).toEqual(parseTrustBundleSpec(bundleSpec));
});

const target = (clusterTrustBundle: Spec): Spec => ({ targets: [{ clusterTrustBundle }] });
const name =
  "name must be the signerName with ':' for '/', then ':' and a DNS name; without signerName a DNS name alone";
const refusedBundles: readonly [string, Spec, string][] = [
  [
    'a source of no kind',
    { sources: [{}] },
    'spec.sources[0]: Invalid value: must have exactly one of: authority',
  ],
  [
    'a target of no kind',
    { targets: [{}] },
    'spec.targets[0]: Invalid value: must have exactly one of: clusterTrustBundle',
  ],
  ['a target without a name', target({}), 'must have a name, a signerName or both'],
  ['the name of a signer without it', target({ name: 'mangrove.dev:workload:x' }), name],
  ['the name of another signer', target({ name: 'a.b:c:x', signerName: 'mangrove.dev/workload' }), name],
  ['a name with two colons', target({ name: 'a.b:c:x:y', signerName: 'a.b/c' }), name],
  ['a name in upper case', target({ name: 'A' }), 'must be the name of a ClusterTrustBundle'],
  ['a signer of Kubernetes', target({ signerName: 'kubernetes.io/kube-apiserver-serving' }), reserved],
  [
    'a source twice',
    { sources: [...bundleSpec.sources, ...bundleSpec.sources] },
    'spec.sources: Invalid value: must not name a source twice',
  ],
  [
    'a target twice, once with the default said',
    {
      targets: [
        ...bundleSpec.targets,
        { clusterTrustBundle: { signerName: 'mangrove.dev/workload', channel: 'live' } },
      ],
    },
    'spec.targets: Invalid value: must not name a target twice',
  ],
  [
    'an authority with a strange name',
    { sources: [{ authority: { name: 'Mesh' } }] },
    'must be the name of a CertificateAuthority',
  ],
];

describe('a TrustBundle is refused by the API server and by the parser in the same words', () => {
  test.each(refusedBundles)('%s', async (_name, change, message) => {
    const spec = { ...bundleSpec, ...change };
    const client = await adminClient();
    expect(await ask(client, TrustBundleResource, { name: 'cluster.local', spec })).toEqual({
      refusal: expect.stringContaining(message),
    });
    expect(refusalOf(parseTrustBundleSpec, spec)).toEqual({
      code: 'BUNDLE_SPEC_INVALID',
      message: expect.stringContaining(message.replace(/^.*Invalid value: /, '')),
    });
  });

  test('one for each trust domain: its name is the trust domain, or a hash of one that is no DNS name', async () => {
    const client = await adminClient();
    const asked = (name: string) => ask(client, TrustBundleResource, { name, spec: bundleSpec });
    expect(await asked('h-0123456789abcdef')).toHaveProperty('spec');
    for (const other of ['other.test', 'h-0123', 'h-0123456789abcdeg']) {
      expect(await asked(other)).toEqual({
        refusal: expect.stringContaining('metadata.name must be spec.trustDomain, or h- and 16 hex digits'),
      });
    }
  });

  test.each([
    [
      'peers of other trust domains',
      target({ signerName: 'peers.mangrove.dev/other.test', name: 'peers.mangrove.dev:other.test:bundle' }),
    ],
    ['a bundle of no signer', target({ name: 'mangrove-roots' })],
    [
      'live and canary',
      {
        targets: [
          ...bundleSpec.targets,
          { clusterTrustBundle: { signerName: 'mangrove.dev/workload', channel: 'canary' } },
        ],
      },
    ],
  ])('but %s is accepted', async (_name, change) => {
    const spec: Spec = { ...bundleSpec, ...change };
    const client = await adminClient();
    expect(await ask(client, TrustBundleResource, { name: 'cluster.local', spec })).toHaveProperty('spec');
    expect(refusalOf(parseTrustBundleSpec, spec)).toBeUndefined();
  });
});

test('the trust domain cannot be changed', async () => {
  const client = await adminClient();
  expect(
    await changeTrustDomain(client, TrustBundleResource, {
      name: 'immutable.test',
      spec: { ...bundleSpec, trustDomain: 'immutable.test' },
    }),
  ).toContain('trustDomain is immutable: create another object instead');
});
