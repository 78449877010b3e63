import { z } from 'zod';
import { durationSeconds } from '#ca/authority/duration.ts';
import type { Phase } from '#ca/authority/phase.ts';
import {
  type CertificateAuthoritySpec,
  CertificateAuthoritySpecSchema,
  type LeafUsage,
} from '#ca/authority/spec.ts';
import type { CaKeyAlgorithm } from '#ca/keys/algorithm.ts';
import { conditionsField, timeField } from '#errors/condition.ts';
import { MangroveError } from '#errors/error.ts';
import { describeIssues } from '#errors/validation.ts';
import type { KeyAlgorithm } from '#x509/public-key.ts';
import { parseTrustDomain, type TrustDomain } from '#x509/spiffe-id.ts';

const phases = [
  'Created',
  'Prepared',
  'Active',
  'Draining',
  'Retired',
  'Tainted',
] as const satisfies readonly Phase[];

const authorityStatus = z.object({
  generation: z.int().min(1).describe('Number of the generation; the highest is the newest.'),
  id: z.string().max(128).describe('Subject key identifier in hex.'),
  phase: z.enum(phases).describe('Where it stands in its life, computed from the timestamps.'),
  secretName: z.string().max(253).describe('Secret that holds its key.'),
  notBefore: timeField.describe('Begin of its validity.'),
  notAfter: timeField.describe('End of its validity.'),
  sha256: z.string().max(64).describe('Fingerprint of its certificate, hex.'),
  createdAt: timeField.describe('When it was made.'),
  publishedAt: timeField.optional().describe('When every target was first seen to hold it.'),
  activatedAt: timeField.optional().describe('When it last became the one that signs.'),
  taintedAt: timeField.optional().describe('When its key was declared stolen.'),
  retiredAt: timeField.optional().describe('When its key was destroyed.'),
});

const CertificateAuthorityStatusSchema = z
  .object({
    observedGeneration: z.int().min(0).optional().describe('metadata.generation that this status is about.'),
    authorities: z
      .array(authorityStatus)
      .max(32)
      .optional()
      .describe('Every generation that still matters.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['generation'] }),
    activeAuthority: z.string().max(128).optional().describe('Id of the authority that signs.'),
    publishedSignerNames: z
      .array(z.string().max(571))
      .max(16)
      .optional()
      .describe('Signer names that are served: their bundles were seen to hold the active root.'),
    trustBundle: z.string().max(253).optional().describe('TrustBundle that publishes the roots.'),
    conditions: conditionsField,
  })
  .describe('What is.');

export type CertificateAuthorityStatus = z.output<typeof CertificateAuthorityStatusSchema>;
export type AuthorityStatus = z.output<typeof authorityStatus>;

/** The object as the API server returns it; status is absent until the first report. */
export interface CertificateAuthority {
  readonly apiVersion: 'mangrove.dev/v1alpha1';
  readonly kind: 'CertificateAuthority';
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly generation?: number;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
  };
  readonly spec: CertificateAuthoritySpec;
  readonly status?: CertificateAuthorityStatus;
}

export const CertificateAuthorityResource = {
  group: 'mangrove.dev',
  version: 'v1alpha1',
  plural: 'certificateauthorities',
  singular: 'certificateauthority',
  kind: 'CertificateAuthority',
  namespaced: false,
  shortNames: ['mca'],
  description: 'A certificate authority: who is signed for, how, and the roots that this is done under.',
  spec: CertificateAuthoritySpecSchema,
  status: CertificateAuthorityStatusSchema,
  rules: [
    {
      rule: 'self.metadata.name.size() <= 63',
      message:
        'metadata.name has at most 63 characters: it becomes a label of all that belongs to the authority',
    },
  ],
  columns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Trust Domain', type: 'string', jsonPath: '.spec.trustDomain' },
    { name: 'Active', type: 'integer', jsonPath: '.status.authorities[?(@.phase=="Active")].generation' },
    { name: 'Not After', type: 'string', jsonPath: '.status.authorities[?(@.phase=="Active")].notAfter' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Id', type: 'string', jsonPath: '.status.activeAuthority', priority: 1 },
    { name: 'Signers', type: 'string', jsonPath: '.spec.signerNames', priority: 1 },
  ],
} as const;

/** A spec that was checked whole, with its defaults filled in and every duration in seconds. */
export interface AuthoritySpec {
  readonly trustDomain: TrustDomain;
  readonly signerNames: readonly string[];
  readonly root: { readonly algorithm: CaKeyAlgorithm; readonly lifetimeSeconds: number };
  readonly issuing: {
    readonly algorithm: CaKeyAlgorithm;
    readonly lifetimeSeconds: number;
    readonly overlapSeconds: number;
  };
  readonly leaf: {
    readonly lifetimeSeconds: number;
    readonly maxLifetimeSeconds: number;
    readonly minLifetimeSeconds: number;
    readonly backdateSeconds: number;
    readonly keyAlgorithms: readonly KeyAlgorithm[];
    readonly usages: readonly LeafUsage[];
  };
  readonly rotation: { readonly dwellSeconds: number; readonly stalenessBoundSeconds: number };
}

/**
 * The value of `spec` of a CertificateAuthority. Unknown fields are ignored: the API server prunes what the CRD
 * does not know, and a newer CRD must not stop an older replica.
 * @throws MangroveError CA_SPEC_INVALID naming every wrong field and what to change
 */
export function parseCertificateAuthoritySpec(raw: unknown): AuthoritySpec {
  const result = CertificateAuthoritySpecSchema.safeParse(raw);
  if (!result.success) {
    throw new MangroveError('CA_SPEC_INVALID', describeIssues(result.error.issues, raw, 'spec'));
  }
  const { trustDomain, signerNames, root, issuing, leaf, rotation } = result.data;
  return {
    trustDomain: parseTrustDomain(trustDomain),
    signerNames,
    root: { algorithm: root.algorithm, lifetimeSeconds: durationSeconds(root.lifetime) },
    issuing: {
      algorithm: issuing.algorithm,
      lifetimeSeconds: durationSeconds(issuing.lifetime),
      overlapSeconds: durationSeconds(issuing.overlap),
    },
    leaf: {
      lifetimeSeconds: durationSeconds(leaf.lifetime),
      maxLifetimeSeconds: durationSeconds(leaf.maxLifetime),
      minLifetimeSeconds: durationSeconds(leaf.minLifetime),
      backdateSeconds: durationSeconds(leaf.backdate),
      keyAlgorithms: leaf.keyAlgorithms,
      usages: leaf.usages,
    },
    rotation: {
      dwellSeconds: durationSeconds(rotation.dwell),
      stalenessBoundSeconds: durationSeconds(rotation.stalenessBound),
    },
  };
}
