import type { Anchor } from '#bundles/bundle/anchor.ts';
import { type LabelSelector, selectorText, selects } from '#bundles/bundle/label-selector.ts';
import { named } from '#bundles/source/object.ts';
import {
  type ClusterTrustBundleObject,
  OWNER_ANNOTATION,
  TRUST_DOMAIN_ANNOTATION,
} from '#bundles/target/cluster-trust-bundle.ts';
import { MangroveError } from '#errors/error.ts';

/** Which ClusterTrustBundles are meant: one by its name, or those of a signer with these labels. */
export interface ClusterTrustBundleSelection {
  readonly name?: string | undefined;
  readonly signerName?: string | undefined;
  readonly selector?: LabelSelector | undefined;
}

/** Who reads: a TrustBundle. */
export interface Reader {
  readonly name: string;
  readonly trustDomain: string;
  /** Names of the ClusterTrustBundles that it writes. */
  readonly targets: readonly string[];
}

/**
 * The anchors of the ClusterTrustBundles that are meant.
 * @throws MangroveError BUNDLE_SOURCE_NOT_FOUND, BUNDLE_SOURCE_OWN_TARGET, BUNDLE_SOURCE_TRUST_DOMAIN, BUNDLE_PEM_INVALID, BUNDLE_ANCHOR_*
 */
export function clusterTrustBundleAnchors(
  selection: ClusterTrustBundleSelection,
  reader: Reader,
  meant: readonly ClusterTrustBundleObject[],
): Anchor[] {
  if (meant.length === 0) {
    const { name, signerName, selector } = selection;
    const which = name ?? `of signer ${signerName} with the labels ${selectorText(selector ?? {})}`;
    throw new MangroveError('BUNDLE_SOURCE_NOT_FOUND', `there is no ClusterTrustBundle ${which}`);
  }
  return meant.flatMap((object) => {
    requireOthers(object, reader);
    return named(`ClusterTrustBundle ${object.metadata.name}`, object.spec.trustBundle);
  });
}

/** Whether this object is meant. */
export function isMeant(
  { name, signerName, selector }: ClusterTrustBundleSelection,
  { metadata, spec }: ClusterTrustBundleObject,
): boolean {
  if (name !== undefined) return metadata.name === name;
  return spec.signerName === signerName && selects(selector ?? {}, metadata.labels);
}

/** Who reads what it writes never forgets a root again; and what another trust domain publishes is not ours to pool. */
function requireOthers({ metadata }: ClusterTrustBundleObject, reader: Reader): void {
  const { name, annotations = {} } = metadata;
  if (annotations[OWNER_ANNOTATION] === reader.name || reader.targets.includes(name ?? '')) {
    throw new MangroveError(
      'BUNDLE_SOURCE_OWN_TARGET',
      `ClusterTrustBundle ${name} is a target of this TrustBundle`,
    );
  }
  const trustDomain = annotations[TRUST_DOMAIN_ANNOTATION];
  if (trustDomain !== undefined && trustDomain !== reader.trustDomain) {
    throw new MangroveError(
      'BUNDLE_SOURCE_TRUST_DOMAIN',
      `ClusterTrustBundle ${name} is of trust domain ${trustDomain}, not ${reader.trustDomain}`,
    );
  }
}
