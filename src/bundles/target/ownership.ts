import {
  type ClusterTrustBundleObject,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  OWNER_ANNOTATION,
  TRUST_DOMAIN_ANNOTATION,
} from '#bundles/target/cluster-trust-bundle.ts';
import { MangroveError } from '#errors/error.ts';

/** Who asks for an object: one TrustBundle. */
export interface Claimant {
  /** Name of the TrustBundle. */
  readonly name: string;
  readonly trustDomain: string;
  /**
   * UID of the object that this TrustBundle was seen to own, if any: what strips our marks from that very object is
   * an edit to repair, while an object with another UID has to prove itself by its marks.
   */
  readonly knownUid: string | undefined;
}

/**
 * Refuses an object that is not ours. Ours is one that names this TrustBundle, or that Mangrove made for the same
 * trust domain under another TrustBundle (which lost the claim, or is gone and left its targets behind).
 * @throws MangroveError BUNDLE_TARGET_FOREIGN
 */
export function requireOwned(object: ClusterTrustBundleObject, claimant: Claimant): void {
  const { uid, labels, annotations, name = '' } = object.metadata;
  if (uid !== undefined && uid === claimant.knownUid) return;
  const trustDomain = annotations?.[TRUST_DOMAIN_ANNOTATION];
  // Even from a TrustBundle of our own: workloads that mount this name would silently trust another domain.
  if (trustDomain !== undefined && trustDomain !== claimant.trustDomain) {
    throw foreign(name, `is of trust domain ${trustDomain}`);
  }
  const owner = annotations?.[OWNER_ANNOTATION];
  if (owner === claimant.name) return;
  if (labels?.[MANAGED_BY_LABEL] === MANAGED_BY && owner !== undefined) return;
  throw foreign(name, 'exists and was not made by Mangrove');
}

function foreign(name: string, why: string): MangroveError {
  return new MangroveError('BUNDLE_TARGET_FOREIGN', `ClusterTrustBundle ${name} ${why}`);
}
