import { createHash } from 'node:crypto';
import { type Bundle, publishes } from '#bundles/bundle/bundle.ts';
import type { ClusterTrustBundleSpec } from '#bundles/bundle/target-spec.ts';
import { MangroveError } from '#errors/error.ts';
import { dnsSubdomain } from '#errors/syntax.ts';

/** What this room reads and writes of a ClusterTrustBundle; the same in v1, v1beta1 and v1alpha1. */
export interface ClusterTrustBundleObject {
  readonly metadata: {
    readonly name?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly signerName?: string; readonly trustBundle: string };
}

export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
export const MANAGED_BY = 'mangrove';
export const CHANNEL_LABEL = 'mangrove.dev/channel';
export const TRUST_DOMAIN_ANNOTATION = 'mangrove.dev/trust-domain';
/** Names the TrustBundle that the object belongs to: by name, so that a restored backup still owns its targets. */
export const OWNER_ANNOTATION = 'mangrove.dev/trust-bundle';
export const HASH_ANNOTATION = 'mangrove.dev/bundle-sha256';

const MAX_SUBDOMAIN = 253;
const CANARY_SUFFIX = '.canary';

/**
 * The name that the spec gives, else `<signer with / as :>:<trust domain>`, with `.canary` behind it for that channel.
 * A trust domain that cannot stand there (SPIFFE allows `_`, for one) is written as `h-` and 16 hex digits of its
 * SHA-256. Too long is judged with `.canary` in mind, so that both channels of a trust domain share their stem.
 * @throws MangroveError BUNDLE_SPEC_INVALID for neither name nor signer name
 */
export function clusterTrustBundleName(target: ClusterTrustBundleSpec, trustDomain: string): string {
  if (target.name !== undefined) return target.name;
  if (target.signerName === undefined) {
    throw new MangroveError(
      'BUNDLE_SPEC_INVALID',
      'a clusterTrustBundle target has neither name nor signerName',
    );
  }
  const fits = trustDomain.length + CANARY_SUFFIX.length <= MAX_SUBDOMAIN && dnsSubdomain.test(trustDomain);
  const stem = fits ? trustDomain : `h-${sha256(trustDomain).slice(0, 16)}`;
  const suffix = target.channel === 'canary' ? CANARY_SUFFIX : '';
  return `${target.signerName.replace('/', ':')}:${stem}${suffix}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** The part of the object that is ours: labels and annotations of others stay as they are. */
export interface DesiredClusterTrustBundle {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly signerName: string | undefined;
  readonly bundle: Bundle;
}

/** @param owner name of the TrustBundle */
export function desiredClusterTrustBundle(
  target: ClusterTrustBundleSpec,
  bundle: Bundle,
  owner: string,
): DesiredClusterTrustBundle {
  return {
    name: clusterTrustBundleName(target, bundle.trustDomain),
    labels: { [MANAGED_BY_LABEL]: MANAGED_BY, [CHANNEL_LABEL]: target.channel },
    annotations: {
      [TRUST_DOMAIN_ANNOTATION]: bundle.trustDomain,
      [OWNER_ANNOTATION]: owner,
      [HASH_ANNOTATION]: bundle.sha256,
    },
    signerName: target.signerName,
    bundle,
  };
}

/** What differs between an object and what it should be, in words; empty when nothing does. */
export function differences(
  object: ClusterTrustBundleObject,
  desired: DesiredClusterTrustBundle,
): readonly string[] {
  const found: string[] = [];
  if (!publishes(object.spec.trustBundle, desired.bundle)) found.push('trustBundle');
  for (const [key, value] of Object.entries(desired.labels)) {
    if (object.metadata.labels?.[key] !== value) found.push(`label ${key}`);
  }
  for (const [key, value] of Object.entries(desired.annotations)) {
    if (object.metadata.annotations?.[key] !== value) found.push(`annotation ${key}`);
  }
  return found;
}

/**
 * The object with our part put right. The PEM stays untouched while it says the same: an equal text spares the API
 * server the parse, and a label repair then cannot fail on content.
 */
export function corrected<T extends ClusterTrustBundleObject>(
  object: T,
  desired: DesiredClusterTrustBundle,
): T {
  return {
    ...object,
    metadata: {
      ...object.metadata,
      labels: { ...object.metadata.labels, ...desired.labels },
      annotations: { ...object.metadata.annotations, ...desired.annotations },
    },
    spec: {
      ...object.spec,
      trustBundle: publishes(object.spec.trustBundle, desired.bundle)
        ? object.spec.trustBundle
        : desired.bundle.pem,
    },
  };
}
