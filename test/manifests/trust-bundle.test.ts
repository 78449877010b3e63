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

test('so are those of a target of each kind', async () => {
  const client = await adminClient();
  const spec = {
    ...bundleSpec,
    targets: [
      { configMap: { namespaceSelector: {}, keys: [{ key: 'ca.crt' }] } },
      { secret: { name: 'roots', namespaceSelector: {} } },
      { file: { name: 'roots.pem' } },
    ],
  };
  const bundle = await ask(client, TrustBundleResource, { name: 'cluster.local', spec });
  if ('refusal' in bundle) throw new Error(bundle.refusal);
  expect(bundle.spec).toEqual(parseTrustBundleSpec(spec));
});

const target = (clusterTrustBundle: Spec): Spec => ({ targets: [{ clusterTrustBundle }] });
const name =
  "name must be the signerName with ':' for '/', then ':' and a DNS name; without signerName a DNS name alone";
const targets = (...targets: Spec[]): Spec => ({ targets });
/** The fields that a ConfigMap or Secret target has beside its name. */
const placed = (more: Spec): Spec =>
  targets(
    { configMap: { namespaceSelector: {}, ...more } },
    { secret: { name: 'x', namespaceSelector: {} } },
  );
const values = 'In and NotIn need values, Exists and DoesNotExist take none';
const twice = 'spec.targets: Invalid value: must not name a target twice';
const key = 'must be a key: ';
const ownMarks = 'mangrove.dev/… and app.kubernetes.io/managed-by are set by Mangrove';
const source = (...sources: Spec[]): Spec => ({ sources });
const selector = { matchLabels: { team: 'pki' } };
const where = (...matchExpressions: Spec[]): Spec =>
  source({ configMap: { selector: { matchExpressions } } });
const together = 'signerName and selector go together';
const print = '0'.repeat(64);
const pem = 'x';
const refusedBundles: readonly [string, Spec, string][] = [
  [
    'a source of no kind',
    { sources: [{}] },
    'spec.sources[0]: Invalid value: must have exactly one of: authority',
  ],
  [
    'a target of no kind',
    { targets: [{}] },
    'spec.targets[0]: Invalid value: must have exactly one of: clusterTrustBundle, configMap, secret, file',
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
    'a target of two kinds',
    targets({ configMap: { namespaceSelector: {} }, file: { name: 'roots.pem' } }),
    'spec.targets[0]: Invalid value: must have exactly one of: clusterTrustBundle, configMap, secret, file',
  ],
  [
    'a ConfigMap target twice',
    targets(
      { configMap: { name: 'roots', namespaceSelector: {} } },
      { configMap: { name: 'roots', namespaceSelector: { matchLabels: { a: 'b' } } } },
    ),
    twice,
  ],
  [
    'a ConfigMap target of the default name twice',
    targets(
      { configMap: { namespaceSelector: {} } },
      { configMap: { namespaceSelector: {}, adopt: true }, required: false },
    ),
    twice,
  ],
  [
    'a Secret target twice',
    targets(
      { secret: { name: 'roots', namespaceSelector: {} } },
      { secret: { name: 'roots', namespaceSelector: {}, adopt: true } },
    ),
    twice,
  ],
  [
    'a file target twice',
    targets({ file: { name: 'roots' } }, { file: { name: 'roots', format: 'jwks' } }),
    twice,
  ],
  [
    'the ConfigMap of Kubernetes',
    placed({ name: 'kube-root-ca.crt' }),
    'kube-root-ca.crt belongs to Kubernetes',
  ],
  ['a ConfigMap of a strange name', placed({ name: 'A' }), 'must be the name of a ConfigMap'],
  [
    'a Secret of a strange name',
    targets({ secret: { name: 'a/b', namespaceSelector: {} } }),
    'must be the name of a Secret',
  ],
  ...['../shadow', '..', '.hidden', 'a/b'].map((name): [string, Spec, string] => [
    `a file called ${name}`,
    targets({ file: { name } }),
    'must be the name of a file',
  ]),
  ...['a/b', '..', '..data', '.'].map((name): [string, Spec, string] => [
    `a key called ${name}`,
    placed({ keys: [{ key: name }] }),
    key,
  ]),
  [
    'a key twice',
    placed({ keys: [{ key: 'ca.crt' }, { key: 'ca.crt', format: 'jwks' }] }),
    'must not name a key twice',
  ],
  ['a label of ours', placed({ labels: { 'mangrove.dev/trust-bundle': 'x' } }), ownMarks],
  ['an annotation of ours', placed({ annotations: { 'mangrove.dev/anything': 'x' } }), ownMarks],
  ['who manages it', placed({ labels: { 'app.kubernetes.io/managed-by': 'Helm' } }), ownMarks],
  [
    'namespaces by no value of any',
    placed({ namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }),
    values,
  ],
  [
    'a source of two kinds',
    source({ authority: { name: 'mesh' }, publicRoots: { from: 'mozilla' } }),
    'spec.sources[0]: Invalid value: must have exactly one of: authority, configMap, secret, inline, file, clusterTrustBundle, publicRoots',
  ],
  ...(['configMap', 'secret'] as const).flatMap((kind): [string, Spec, string][] => [
    [
      `${kind}: neither name nor selector`,
      source({ [kind]: {} }),
      'must have exactly one of: name, selector',
    ],
    [
      `${kind}: name and selector`,
      source({ [kind]: { name: 'corporate', selector } }),
      'must have exactly one of: name, selector',
    ],
    [
      `${kind}: an empty selector`,
      source({ [kind]: { selector: { matchLabels: {} } } }),
      'must have at least one requirement: an empty selector would select everything',
    ],
    [`${kind}: a strange name`, source({ [kind]: { name: 'A' } }), 'must be the name of a '],
    [
      `${kind}: a key that can be none`,
      source({ [kind]: { name: 'corporate', keys: ['a/b'] } }),
      "must be a key, in which '*' stands for any characters",
    ],
  ]),
  ['a selector that asks for no value of any', where({ key: 'a', operator: 'In' }), values],
  ['a selector that gives a value to Exists', where({ key: 'a', operator: 'Exists', values: ['b'] }), values],
  [
    'inline PEM without a name that can be one',
    source({ inline: { name: 'A', pem } }),
    'a name for these roots',
  ],
  ['a file outside of the directory', source({ file: { name: '../shadow' } }), 'the name of a file source'],
  ['a file that is the directory', source({ file: { name: '..' } }), 'the name of a file source'],
  [
    'a ClusterTrustBundle of no name',
    source({ clusterTrustBundle: {} }),
    'must have exactly one of: name, signerName',
  ],
  ['a signer name without a selector', source({ clusterTrustBundle: { signerName: 'a.b/c' } }), together],
  ['a selector without a signer name', source({ clusterTrustBundle: { name: 'x', selector } }), together],
  [
    'a ClusterTrustBundle by an empty selector',
    source({ clusterTrustBundle: { signerName: 'a.b/c', selector: {} } }),
    'must have at least one requirement',
  ],
  [
    'include and exclude together',
    source({ publicRoots: { from: 'mozilla' }, include: [print], exclude: [print] }),
    'include and exclude exclude each other',
  ],
  ...['A'.repeat(64), print.slice(1), `${print.slice(0, 62)}:0`].map((bad): [string, Spec, string] => [
    `${bad} for a fingerprint`,
    source({ publicRoots: { from: 'mozilla' }, exclude: [bad] }),
    'must be a SHA-256 fingerprint: 64 hex digits in lower case, without colons',
  ]),
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
      'every kind of source, with all that can be said of one',
      source(
        ...bundleSpec.sources,
        { configMap: { name: 'corporate', keys: ['*.pem'] }, optional: true },
        {
          secret: { selector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } },
          keepLastSeconds: 0,
        },
        { inline: { name: 'partner', pem }, retainSeconds: 86_400 },
        { file: { name: 'corporate' }, include: [print] },
        { clusterTrustBundle: { signerName: 'a.b/c', selector }, exclude: [print] },
        { clusterTrustBundle: { name: 'a.b:c:d' } },
        { publicRoots: { from: 'system' } },
      ),
    ],
    [
      'every kind of target, with all that can be said of one',
      {
        deletionPolicy: 'Delete',
        ...targets(
          ...bundleSpec.targets,
          { configMap: { namespaceSelector: {} }, required: false },
          {
            configMap: {
              name: 'istio-ca-root-cert',
              namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] },
              keys: [{ key: 'root-cert.pem' }, { key: 'bundle.json', format: 'jwks' }],
              labels: { 'istio.io/config': 'true' },
              annotations: { note: 'x' },
              adopt: true,
            },
          },
          { secret: { name: 'roots', namespaceSelector: { matchLabels: { team: 'blue' } } } },
          { file: { name: 'roots.pem' } },
          { file: { name: 'roots.json', format: 'jwks' } },
        ),
      },
    ],
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
