import { z } from 'zod';
import { type SourceSpec, sourceField, sourceKey } from '#bundles/bundle/source-spec.ts';
import {
  deletionPolicyField,
  distinctTargets,
  fallbackField,
  targetField,
} from '#bundles/bundle/target-spec.ts';
import { conditionsField, timeField } from '#errors/condition.ts';
import { MangroveError } from '#errors/error.ts';
import { matching, trustDomainField } from '#errors/syntax.ts';
import { describeIssues, immutable, type Rule, withRules } from '#errors/validation.ts';

/** Of the other kinds only `parseTrustBundleSpec` says so: to compare selectors and PEM is beyond the cost that the API server grants. */
const distinctAuthorities: Rule<{ sources: SourceSpec[] }> = {
  cel: 'self.sources.all(one, !has(one.authority) || self.sources.exists_one(other, has(other.authority) && other.authority.name == one.authority.name))',
  message: 'must not name a source twice',
  path: ['sources'],
  holds: ({ sources }) => {
    const names = sources.flatMap(({ authority }) => (authority === undefined ? [] : [authority.name]));
    return new Set(names).size === names.length;
  },
};

export const TrustBundleSpecSchema = withRules(
  z.object({
    trustDomain: withRules(trustDomainField, [], [immutable('trustDomain')]).describe(
      'SPIFFE trust domain whose roots these are. Roots of two trust domains are never pooled.',
    ),
    sources: z.array(sourceField).min(1).max(32).describe('Where the roots come from.'),
    targets: z.array(targetField).min(1).max(16).describe('Where the bundle is written to.'),
    maxShrinkPercent: z
      .int()
      .min(0)
      .max(100)
      .default(50)
      .describe(
        'Percent of the roots that may leave the sources unasked within 24 hours; more needs the annotation mangrove.dev/allow-removal with their fingerprints. Roots of a CertificateAuthority leave when it retires them, whatever stands here.',
      ),
    promoted: withRules(z.string().min(64).max(64), [
      matching('^[0-9a-f]{64}$', 'must be a hash as in status.hash: 64 hex digits in lower case'),
    ])
      .optional()
      .describe(
        'Hash of the bundle that every target but a canary holds, as in status.hash: what the sources give at that moment, until another hash is named. Absent: every target holds what the sources give.',
      ),
    fallback: fallbackField,
    deletionPolicy: deletionPolicyField,
  }),
  [distinctAuthorities, distinctTargets],
).describe('Which roots are published where.');

const sha256Field = z.string().max(64);

const anchorStatus = z.object({
  sha256: sha256Field.describe('Fingerprint of the root, hex.'),
  subject: z.string().max(1024).describe('Its distinguished name (RFC 4514).'),
  notBefore: timeField.describe('Begin of its validity.'),
  notAfter: timeField.describe('End of its validity.'),
  source: z.string().max(600).describe('Where it came from, such as authority/mesh.'),
  since: timeField.optional().describe('When it joined the bundle.'),
  vanishedTime: timeField
    .optional()
    .describe('When it vanished from its source, which retains it for a while.'),
  withheldTime: timeField
    .optional()
    .describe('When no source gave it any more; it stays until somebody agrees to lose it.'),
});

const removalStatus = z.object({
  sha256: sha256Field.describe('Fingerprint of the root, hex.'),
  since: timeField.optional().describe('When it had joined the bundle.'),
  time: timeField.describe('When it left.'),
});

const placesField = z.string().max(16_384);

const sourceStatus = z.object({
  kind: z.string().max(63).describe('Kind of source, such as authority.'),
  name: z.string().max(512).describe('Which one.'),
  hash: sha256Field.optional().describe('SHA-256 of the roots that it gave last, hex.'),
  lastGoodTime: timeField
    .optional()
    .describe('When it last gave a readable set; older content stays in force.'),
  roots: placesField
    .optional()
    .describe('Which of status.anchors it gave last or retains, by their places there from 0: 0-3,7.'),
  vanished: z
    .array(
      z.object({
        roots: placesField.describe('Which of status.anchors, by their places.'),
        time: timeField.describe('When they vanished from it.'),
      }),
    )
    .max(64)
    .optional()
    .describe('Roots that it does not give any more and retains for a while.')
    .meta({ 'x-kubernetes-list-type': 'atomic' }),
  error: z.string().max(4096).optional().describe('Why it gives none now.'),
  note: z
    .string()
    .max(4096)
    .optional()
    .describe('What is worth knowing of it, such as roots that it left out.'),
});

const targetStatus = z.object({
  kind: z.string().max(63).describe('Kind of target, such as clusterTrustBundle.'),
  name: z.string().max(1024).describe('Name of the object that is written.'),
  apiVersion: z.string().max(128).optional().describe('API version that it is written in.'),
  hash: sha256Field.optional().describe('SHA-256 of the bundle that was read back from it, hex.'),
  lastVerifiedTime: timeField.optional().describe('When it was last read back and found to hold the bundle.'),
  firstVerifiedTime: timeField
    .optional()
    .describe('When a namespace was first seen to hold the bundle; a fallback goes on from then.'),
  fallback: z
    .boolean()
    .optional()
    .describe('True for the ConfigMap that stands for ClusterTrustBundles without being named.'),
  error: z
    .string()
    .max(4096)
    .optional()
    .describe('Why it does not hold the bundle now, or why it is not gone yet when it is to go.'),
  namespaces: z
    .int()
    .min(0)
    .optional()
    .describe('Namespaces that the selector selects; of a target that is to go, those where it is left.'),
  holding: z.int().min(0).optional().describe('How many of them were seen to hold the bundle.'),
  failing: z.int().min(0).optional().describe('How many of them refuse it, or refuse to let it go.'),
  failures: z
    .array(
      z.object({
        namespace: z.string().max(63).describe('Namespace.'),
        error: z
          .string()
          .max(512)
          .describe('Why it does not hold the bundle now, or why it is not gone yet when it is to go.'),
      }),
    )
    .max(16)
    .optional()
    .describe('The first of those that refuse, in order of their names.')
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['namespace'] }),
});

const promotedStatus = z.object({
  hash: sha256Field.describe('SHA-256 of the bundle as it was promoted, hex.'),
  time: timeField.describe('When it was promoted.'),
  anchors: z
    .array(
      z.object({
        sha256: sha256Field.describe('Fingerprint of the root, hex.'),
        notAfter: timeField.describe('End of its validity; it leaves the targets then.'),
      }),
    )
    // No root is so small that a bundle of 1 MiB has more.
    .max(4096)
    .describe('Its roots.')
    .meta({ 'x-kubernetes-list-type': 'atomic' }),
});

export const TrustBundleStatusSchema = z
  .object({
    observedGeneration: z.int().min(0).optional().describe('metadata.generation that this status is about.'),
    hash: sha256Field.optional().describe('SHA-256 of the bundle, hex.'),
    anchors: z
      .array(anchorStatus)
      .max(2048)
      .optional()
      .describe('The roots in the bundle.')
      // Not a map: the API server would note who owns each field of each of them, which takes as much room again.
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    removals: z
      .array(removalStatus)
      .max(1024)
      .optional()
      .describe(
        'What has left the bundle unasked in the last 24 hours; it counts towards spec.maxShrinkPercent.',
      )
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    sources: z
      .array(sourceStatus)
      .max(32)
      .optional()
      .describe('Each source as last read.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['kind', 'name'] }),
    targets: z
      .array(targetStatus)
      .max(64)
      .optional()
      .describe('Each target as last read back.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['kind', 'name'] }),
    promoted: promotedStatus.optional().describe('What spec.promoted has promoted.'),
    conditions: conditionsField,
  })
  .describe('What is.');

export type TrustBundleSpec = z.output<typeof TrustBundleSpecSchema>;
export type TrustBundleStatus = z.output<typeof TrustBundleStatusSchema>;

/** The object as the API server returns it; status is absent until the first report. */
export interface TrustBundle {
  readonly apiVersion: 'mangrove.dev/v1alpha1';
  readonly kind: 'TrustBundle';
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly generation?: number;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly finalizers?: readonly string[];
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: z.input<typeof TrustBundleSpecSchema>;
  readonly status?: TrustBundleStatus;
}

export const TrustBundleResource = {
  group: 'mangrove.dev',
  version: 'v1alpha1',
  plural: 'trustbundles',
  singular: 'trustbundle',
  kind: 'TrustBundle',
  namespaced: false,
  shortNames: ['mtb'],
  description: 'The roots of one trust domain: where they come from and where they are published.',
  spec: TrustBundleSpecSchema,
  status: TrustBundleStatusSchema,
  rules: [
    {
      rule: "self.metadata.name == self.spec.trustDomain || self.metadata.name.matches('^h-[0-9a-f]{16}$')",
      message:
        'metadata.name must be spec.trustDomain, or h- and 16 hex digits of its SHA-256 where it is no DNS name: one TrustBundle per trust domain',
    },
  ],
  columns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Trust Domain', type: 'string', jsonPath: '.spec.trustDomain' },
    { name: 'Not After', type: 'string', jsonPath: '.status.anchors[0].notAfter', priority: 1 },
    { name: 'Verified', type: 'date', jsonPath: '.status.targets[0].lastVerifiedTime' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Hash', type: 'string', jsonPath: '.status.hash', priority: 1 },
    { name: 'Promoted', type: 'string', jsonPath: '.status.promoted.hash', priority: 1 },
  ],
} as const;

/**
 * The value of `spec` of a TrustBundle, with its defaults filled in.
 * @throws MangroveError BUNDLE_SPEC_INVALID naming every wrong field and what to change
 */
export function parseTrustBundleSpec(raw: unknown): TrustBundleSpec {
  const result = TrustBundleSpecSchema.safeParse(raw);
  if (!result.success) {
    throw new MangroveError('BUNDLE_SPEC_INVALID', describeIssues(result.error.issues, raw, 'spec'));
  }
  requireDistinctSources(result.data);
  requireRoomForStatus(result.data);
  return result.data;
}

/** @throws MangroveError BUNDLE_SPEC_INVALID when two sources are one */
function requireDistinctSources({ sources }: TrustBundleSpec): void {
  const seen = new Set<string>();
  for (const [index, source] of sources.entries()) {
    const { kind, name } = sourceKey(source);
    const key = `${kind}/${name}`;
    if (seen.has(key)) {
      throw new MangroveError('BUNDLE_SPEC_INVALID', `spec.sources[${index}]: ${key} is a source already`);
    }
    seen.add(key);
  }
}

/** etcd takes 1.5 MiB for one object, and the status needs its part of it. */
const maxInline = 786_432;

/** @throws MangroveError BUNDLE_SPEC_INVALID for an object whose status could not be written any more */
function requireRoomForStatus({ sources }: TrustBundleSpec): void {
  const size = sources.reduce((sum, { inline }) => sum + (inline?.pem.length ?? 0), 0);
  if (size <= maxInline) return;
  throw new MangroveError(
    'BUNDLE_SPEC_INVALID',
    `spec.sources: all inline PEM together has ${size} characters, more than ${maxInline}: put it into a ConfigMap`,
  );
}
