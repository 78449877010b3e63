import {
  MANAGED_BY,
  MANAGED_BY_LABEL,
  OWNER_ANNOTATION,
  TRUST_DOMAIN_ANNOTATION,
} from '#bundles/target/cluster-trust-bundle.ts';
import { MangroveError } from '#errors/error.ts';

/** An object, as far as it says whose it is. */
export interface Marked {
  readonly metadata: {
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

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
  /** Its specification says to take over what somebody else made. */
  readonly adopts?: boolean;
}

/**
 * Refuses an object that is not ours. Ours is one that names this TrustBundle, or that Mangrove made for the same
 * trust domain under another TrustBundle (which lost the claim, or is gone and left its targets behind).
 * @param what kind and name of the object, for the message
 * @throws MangroveError BUNDLE_TARGET_FOREIGN
 */
export function requireOwned(object: Marked, claimant: Claimant, what: string): void {
  const { uid, labels, annotations } = object.metadata;
  if (uid !== undefined && uid === claimant.knownUid) return;
  const trustDomain = annotations?.[TRUST_DOMAIN_ANNOTATION];
  // Even from a TrustBundle of our own: workloads that mount this name would silently trust another domain.
  if (trustDomain !== undefined && trustDomain !== claimant.trustDomain) {
    throw foreign(what, `is of trust domain ${trustDomain}`);
  }
  const owner = annotations?.[OWNER_ANNOTATION];
  if (owner === claimant.name || claimant.adopts === true) return;
  if (labels?.[MANAGED_BY_LABEL] === MANAGED_BY && owner !== undefined) return;
  throw foreign(what, 'exists and was not made by Mangrove');
}

/** Whether a TrustBundle of that very name and trust domain has published what it holds: this one, or one that was deleted. */
export function isPublishedBy(
  { name, trustDomain }: Pick<Claimant, 'name' | 'trustDomain'>,
  { metadata: { annotations = {} } }: Marked,
): boolean {
  return annotations[OWNER_ANNOTATION] === name && annotations[TRUST_DOMAIN_ANNOTATION] === trustDomain;
}

function foreign(what: string, why: string): MangroveError {
  return new MangroveError('BUNDLE_TARGET_FOREIGN', `${what} ${why}`);
}
