import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CertificateAuthorityResource, parseCertificateAuthoritySpec } from '#ca/authority/resource.ts';
import { adminClient, uniqueName } from '../kube/lab.ts';
import { ask, changeTrustDomain, refusalOf, reservedSigner as reserved, type Spec } from './dry-run.ts';

const authoritySpec = { trustDomain: 'cluster.local', signerNames: ['mangrove.dev/workload'] };

test('the defaults of the API server are the defaults of the parser', async () => {
  const client = await adminClient();
  const authority = await ask(client, CertificateAuthorityResource, { name: 'mesh', spec: authoritySpec });
  if ('refusal' in authority) throw new Error(authority.refusal);
  expect(Object.keys(authority.spec).sort()).toEqual(
    ['issuing', 'leaf', 'root', 'rotation', 'signerNames', 'trustDomain'].sort(),
  );
  expect(parseCertificateAuthoritySpec(authority.spec)).toEqual(parseCertificateAuthoritySpec(authoritySpec));
  expect(parseCertificateAuthoritySpec(authoritySpec)).toEqual({
    trustDomain: 'cluster.local',
    signerNames: ['mangrove.dev/workload'],
    root: { algorithm: 'ECDSA-P256', lifetimeSeconds: 365 * 86_400 },
    issuing: { algorithm: 'ECDSA-P256', lifetimeSeconds: 7 * 86_400, overlapSeconds: 86_400 },
    leaf: {
      lifetimeSeconds: 86_400,
      maxLifetimeSeconds: 86_400,
      minLifetimeSeconds: 600,
      backdateSeconds: 120,
      keyAlgorithms: ['ECDSA-P256', 'ECDSA-P384', 'Ed25519'],
      usages: ['digital signature', 'key encipherment', 'server auth', 'client auth'],
    },
    rotation: { dwellSeconds: 900, stalenessBoundSeconds: 600 },
  });
});

const issuing =
  'spec.issuing.lifetime: Invalid value: issuing.lifetime must be at least leaf.maxLifetime + issuing.overlap + leaf.backdate, or a leaf would outlive its issuer: lengthen it, or shorten leaf.maxLifetime';
const root =
  'spec.root.lifetime: Invalid value: half of root.lifetime must be at least issuing.lifetime + leaf.maxLifetime + rotation.stalenessBound + rotation.dwell, or a rotation would not end before its root does: lengthen it';
const duration = (from: string, to: string) =>
  `must be a duration from ${from} to ${to}, such as 24h, 1h30m or 90s`;

/** What is refused, and the field and the words in which the API server says it; the parser says the same words. */
const refusedAuthorities: readonly [string, Spec, string][] = [
  ['an issuing certificate a second too short', { issuing: { lifetime: '48h1m59s' } }, issuing],
  ['a leaf that may be too long', { leaf: { maxLifetime: '145h' } }, issuing],
  ['a root an hour too short', { root: { lifetime: '384h' } }, root],
  [
    'a dwell that is too long for the root',
    { rotation: { dwell: '720h' }, root: { lifetime: '1800h' } },
    root,
  ],
  [
    'a default lifetime above the maximum',
    { leaf: { lifetime: '25h' } },
    'spec.leaf.lifetime: Invalid value: leaf.lifetime must not be longer than leaf.maxLifetime',
  ],
  [
    'a default lifetime below the minimum',
    { leaf: { lifetime: '599s' } },
    'spec.leaf.lifetime: Invalid value: leaf.lifetime must not be shorter than leaf.minLifetime',
  ],
  [
    'a leaf that could be expired when it is made',
    { leaf: { minLifetime: '2m' } },
    'spec.leaf.backdate: Invalid value: leaf.backdate must be shorter than leaf.minLifetime, or a leaf could be expired when it is made',
  ],
  [
    'a backdate that a kubelet would refuse',
    { leaf: { backdate: '5m' } },
    `spec.leaf.backdate: Invalid value: "5m": ${duration('0s', '4m')}`,
  ],
  ...['1d', '', '1.5h', '-1h', '1m1h', 'h', '24', '24h ', '１h'].map((text): [string, Spec, string] => [
    `a root lifetime of ${JSON.stringify(text)}`,
    { root: { lifetime: text } },
    `spec.root.lifetime: Invalid value: ${JSON.stringify(text)}: ${duration('1m', '262800h')}`,
  ]),
  [
    'no digital signature',
    { leaf: { usages: ['client auth'] } },
    "spec.leaf.usages: Invalid value: must contain 'digital signature': an X509-SVID without it is not valid",
  ],
  ['a signer of Kubernetes', { signerNames: ['kubernetes.io/legacy-unknown'] }, reserved],
  ['a signer of a subdomain of Kubernetes', { signerNames: ['x.kubernetes.io/y'] }, reserved],
  [
    'a signer for foreign roots',
    { signerNames: ['peers.mangrove.dev/other.test'] },
    'peers.mangrove.dev is reserved for the roots of other trust domains: use another domain',
  ],
  ...[
    'Example.com/x',
    'example/x',
    'example.com/a/b',
    'example.com/A_b',
    'example.com',
    'example.com/',
    '/x',
    'a.b/c.',
  ].map((name): [string, Spec, string] => [
    `the signer name ${name}`,
    { signerNames: [name] },
    `spec.signerNames[0]: Invalid value: ${JSON.stringify(name)}: must be of the form example.com/name, in lower case`,
  ]),
  [
    'a signer domain of 254 characters',
    { signerNames: [`${'a.'.repeat(126)}aa/x`] },
    'the domain of a signer name has at most 253 characters',
  ],
  ...['Cluster.local', 'cluster local', 'cluster/local', 'clüster.local'].map(
    (trustDomain): [string, Spec, string] => [
      `the trust domain ${trustDomain}`,
      { trustDomain },
      `spec.trustDomain: Invalid value: ${JSON.stringify(trustDomain)}: must be lower-case letters, digits, dots, dashes and underscores`,
    ],
  ),
];

describe('a CertificateAuthority is refused by the API server and by the parser in the same words', () => {
  test.each(refusedAuthorities)('%s', async (_name, change, message) => {
    const spec = { ...authoritySpec, ...change };
    const client = await adminClient();
    expect(await ask(client, CertificateAuthorityResource, { name: 'mesh', spec })).toEqual({
      refusal: expect.stringContaining(message),
    });
    const words = message.replace(/^spec[^:]*: Invalid value: ("[^"]*": )?/, '');
    expect(refusalOf(parseCertificateAuthoritySpec, spec)).toEqual({
      code: 'CA_SPEC_INVALID',
      message: expect.stringContaining(words),
    });
  });

  test.each([
    ['no signer name', { signerNames: [] }, 'spec.signerNames'],
    [
      'seventeen signer names',
      { signerNames: Array.from({ length: 17 }, (_, n) => `a.b/${n}`) },
      'spec.signerNames',
    ],
    ['a signer name twice', { signerNames: ['a.b/c', 'a.b/c'] }, 'spec.signerNames'],
    [
      'a usage that no workload has',
      { leaf: { usages: ['digital signature', 'cert sign'] } },
      'spec.leaf.usages[1]',
    ],
    ['a usage twice', { leaf: { usages: ['digital signature', 'digital signature'] } }, 'spec.leaf.usages'],
    ['an RSA root', { root: { algorithm: 'RSA-2048' } }, 'spec.root.algorithm'],
    ['a key algorithm twice', { leaf: { keyAlgorithms: ['Ed25519', 'Ed25519'] } }, 'spec.leaf.keyAlgorithms'],
    ['a number for a duration', { root: { lifetime: 8760 } }, 'spec.root.lifetime'],
    ['an empty trust domain', { trustDomain: '' }, 'spec.trustDomain'],
    ['a trust domain of 256 characters', { trustDomain: 'a'.repeat(256) }, 'spec.trustDomain'],
  ])('%s, each in its own', async (_name, change, field) => {
    const spec: Spec = { ...authoritySpec, ...change };
    const client = await adminClient();
    expect(await ask(client, CertificateAuthorityResource, { name: 'mesh', spec })).toEqual({
      refusal: expect.stringContaining(field),
    });
    expect(refusalOf(parseCertificateAuthoritySpec, spec)).toEqual({
      code: 'CA_SPEC_INVALID',
      message: expect.stringContaining(field),
    });
  });

  test('a field that is not known is named to who writes it, and no reason to stop for who reads it', async () => {
    const client = await adminClient();
    const spec = { ...authoritySpec, roots: {} };
    expect(await ask(client, CertificateAuthorityResource, { name: 'mesh', spec })).toEqual({
      refusal: expect.stringContaining('unknown field "spec.roots"'),
    });
    expect(refusalOf(parseCertificateAuthoritySpec, spec)).toBeUndefined();
  });
});

test('its name is not too long for a label', async () => {
  const client = await adminClient();
  const asked = (length: number) =>
    ask(client, CertificateAuthorityResource, { name: 'a'.repeat(length), spec: authoritySpec });
  expect(await asked(63)).toHaveProperty('spec');
  expect(await asked(64)).toEqual({
    refusal: expect.stringContaining('metadata.name has at most 63 characters'),
  });
});

test('the trust domain cannot be changed', async () => {
  const client = await adminClient();
  expect(
    await changeTrustDomain(client, CertificateAuthorityResource, {
      name: uniqueName('immutable'),
      spec: authoritySpec,
    }),
  ).toContain('trustDomain is immutable: create another object instead');
});

test('whatever the durations are, the API server and the parser agree', async () => {
  const client = await adminClient();
  const seconds = fc.oneof(
    fc.constantFrom(
      0,
      1,
      119,
      120,
      599,
      600,
      86_400,
      86_401,
      172_920,
      172_919,
      604_800,
      1_385_400,
      1_386_000,
    ),
    fc.integer({ min: 0, max: 40_000_000 }),
  );
  const text = fc
    .tuple(seconds, fc.constantFrom('s', 'hms', 'm', 'junk'))
    .map(([n, form]) =>
      form === 'hms'
        ? `${Math.floor(n / 3600)}h${n % 3600}s`
        : form === 'm'
          ? `${n % 1_000_000}m`
          : form === 'junk'
            ? `${n}d`
            : `${n}s`,
    );
  const durations = (...names: string[]) =>
    fc.dictionary(fc.constantFrom(...names), text, { maxKeys: names.length });
  const specs = fc.record({
    root: durations('lifetime'),
    issuing: durations('lifetime', 'overlap'),
    leaf: durations('lifetime', 'maxLifetime', 'minLifetime', 'backdate'),
    rotation: durations('dwell', 'stalenessBound'),
  });
  const outcomes = new Set<boolean>();
  await fc.assert(
    fc.asyncProperty(specs, async (durations) => {
      const spec: Spec = { ...authoritySpec, ...durations };
      const answer = await ask(client, CertificateAuthorityResource, { name: 'mesh', spec });
      const refusal = refusalOf(parseCertificateAuthoritySpec, spec);
      expect('refusal' in answer).toBe(refusal !== undefined);
      outcomes.add(refusal === undefined);
    }),
    { numRuns: 300, examples: [[{ root: {}, issuing: {}, leaf: {}, rotation: {} }]] },
  );
  expect(outcomes).toEqual(new Set([false, true]));
});
