import { z } from 'zod';
import { durationField, durationSeconds } from '#ca/authority/duration.ts';
import { caKeyAlgorithms } from '#ca/keys/algorithm.ts';
import { ownSignerNameField, trustDomainField } from '#errors/syntax.ts';
import { immutable, type Rule, withRules } from '#errors/validation.ts';
import type { KeyAlgorithm } from '#x509/public-key.ts';

const leafKeyAlgorithms = [
  'ECDSA-P256',
  'ECDSA-P384',
  'ECDSA-P521',
  'Ed25519',
  'RSA-2048',
  'RSA-3072',
  'RSA-4096',
] as const satisfies readonly KeyAlgorithm[];

/** Usages of certificates.k8s.io that an X509-SVID may carry (X509-SVID §4.3, §4.4). */
const leafUsages = [
  'digital signature',
  'key encipherment',
  'key agreement',
  'server auth',
  'client auth',
] as const;
export type LeafUsage = (typeof leafUsages)[number];

const set = { 'x-kubernetes-list-type': 'set' };
const allDistinct = (items: readonly string[]): boolean => new Set(items).size === items.length;

const rootField = z
  .object({
    algorithm: z.enum(caKeyAlgorithms).default('ECDSA-P256').describe('Key of a root.'),
    lifetime: durationField('1m', '262800h')
      .default('8760h')
      .describe('How long a root is valid. A rotation is due at half of it.'),
  })
  .prefault({})
  .describe('The self-signed root of each generation. Changes apply to the next generation.');

const issuingField = z
  .object({
    algorithm: z.enum(caKeyAlgorithms).default('ECDSA-P256').describe('Key of an issuing certificate.'),
    lifetime: durationField('1m', '43800h')
      .default('168h')
      .describe('How long an issuing certificate is valid.'),
    overlap: durationField('1s', '8760h')
      .default('24h')
      .describe('How long before it could cut a leaf short an issuing certificate is replaced.'),
  })
  .prefault({})
  .describe('The intermediate of each replica, whose key never leaves its memory.');

const leafField = z
  .object({
    lifetime: durationField('1s', '8760h')
      .default('24h')
      .describe('Lifetime of a certificate whose requester asks for none.'),
    maxLifetime: durationField('1s', '8760h')
      .default('24h')
      .describe('Longest lifetime; who asks for more gets this. There is no revocation: keep it short.'),
    minLifetime: durationField('1s', '8760h')
      .default('10m')
      .describe('Shortest lifetime; who asks for less is refused.'),
    // The API server refuses a pod certificate that begins 5 minutes or more before its own time (KEP-4317).
    backdate: durationField('0s', '4m')
      .default('2m')
      .describe('How far notBefore lies in the past, for relying parties whose clock is late.'),
    keyAlgorithms: z
      .array(z.enum(leafKeyAlgorithms))
      .min(1)
      .max(leafKeyAlgorithms.length)
      .refine(allDistinct, 'must not name a key algorithm twice')
      .default(['ECDSA-P256', 'ECDSA-P384', 'Ed25519'])
      .describe('Keys that a requester may have.')
      .meta(set),
    usages: withRules(
      z
        .array(z.enum(leafUsages))
        .min(1)
        .max(leafUsages.length)
        .refine(allDistinct, 'must not name a usage twice'),
      [
        {
          cel: "self.exists(usage, usage == 'digital signature')",
          message: "must contain 'digital signature': an X509-SVID without it is not valid",
          holds: (usages) => usages.includes('digital signature'),
        },
      ],
    )
      .default(['digital signature', 'key encipherment', 'server auth', 'client auth'])
      .describe('Usages that a requester may ask for.')
      .meta(set),
  })
  .prefault({})
  .describe('The certificates that requesters get.');

const rotationField = z
  .object({
    dwell: durationField('0s', '720h')
      .default('15m')
      .describe(
        'How long a new root must have been published everywhere before it signs: time to reload it.',
      ),
    stalenessBound: durationField('1s', '24h')
      .default('10m')
      .describe('A replica that could not confirm its authorities for so long stops signing.'),
  })
  .prefault({})
  .describe('The pace at which one generation follows another.');

const specFields = z.object({
  trustDomain: withRules(trustDomainField, [], [immutable('trustDomain')]).describe(
    'SPIFFE trust domain that certificates are issued in, such as cluster.local.',
  ),
  signerNames: z
    .array(ownSignerNameField)
    .min(1)
    .max(16)
    .refine(allDistinct, 'must not name a signer twice')
    .describe('Signer names of certificates.k8s.io that are served by this authority and by no other.')
    .meta(set),
  root: rootField,
  issuing: issuingField,
  leaf: leafField,
  rotation: rotationField,
});

type Spec = z.output<typeof specFields>;
const issuingNeeds = ({ issuing, leaf }: Spec): number =>
  durationSeconds(leaf.maxLifetime) + durationSeconds(issuing.overlap) + durationSeconds(leaf.backdate);
const rootNeeds = ({ issuing, leaf, rotation }: Spec): number =>
  durationSeconds(issuing.lifetime) +
  durationSeconds(leaf.maxLifetime) +
  durationSeconds(rotation.stalenessBound) +
  durationSeconds(rotation.dwell);

const specRules: readonly Rule<Spec>[] = [
  {
    cel: 'duration(self.issuing.lifetime) >= duration(self.leaf.maxLifetime) + duration(self.issuing.overlap) + duration(self.leaf.backdate)',
    message:
      'issuing.lifetime must be at least leaf.maxLifetime + issuing.overlap + leaf.backdate, or a leaf would outlive its issuer: lengthen it, or shorten leaf.maxLifetime',
    path: ['issuing', 'lifetime'],
    holds: (spec) => !(durationSeconds(spec.issuing.lifetime) < issuingNeeds(spec)),
  },
  {
    cel: 'duration(self.root.lifetime).getSeconds() >= 2 * (duration(self.issuing.lifetime) + duration(self.leaf.maxLifetime) + duration(self.rotation.stalenessBound) + duration(self.rotation.dwell)).getSeconds()',
    message:
      'half of root.lifetime must be at least issuing.lifetime + leaf.maxLifetime + rotation.stalenessBound + rotation.dwell, or a rotation would not end before its root does: lengthen it',
    path: ['root', 'lifetime'],
    holds: (spec) => !(durationSeconds(spec.root.lifetime) < 2 * rootNeeds(spec)),
  },
  {
    cel: 'duration(self.leaf.minLifetime) <= duration(self.leaf.lifetime)',
    message: 'leaf.lifetime must not be shorter than leaf.minLifetime',
    path: ['leaf', 'lifetime'],
    holds: ({ leaf }) => !(durationSeconds(leaf.minLifetime) > durationSeconds(leaf.lifetime)),
  },
  {
    cel: 'duration(self.leaf.lifetime) <= duration(self.leaf.maxLifetime)',
    message: 'leaf.lifetime must not be longer than leaf.maxLifetime',
    path: ['leaf', 'lifetime'],
    holds: ({ leaf }) => !(durationSeconds(leaf.lifetime) > durationSeconds(leaf.maxLifetime)),
  },
  {
    cel: 'duration(self.leaf.backdate) < duration(self.leaf.minLifetime)',
    message:
      'leaf.backdate must be shorter than leaf.minLifetime, or a leaf could be expired when it is made',
    path: ['leaf', 'backdate'],
    holds: ({ leaf }) => !(durationSeconds(leaf.backdate) >= durationSeconds(leaf.minLifetime)),
  },
];

export const CertificateAuthoritySpecSchema = withRules(specFields, specRules).describe(
  'What is signed for whom, and how.',
);

export type CertificateAuthoritySpec = z.input<typeof CertificateAuthoritySpecSchema>;
