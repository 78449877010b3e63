import { type Anchor, parseAnchor } from '#bundles/bundle/anchor.ts';
import { MangroveError } from '#errors/error.ts';

/**
 * What a CertificateAuthority of ours publishes: the roots of all its generations that must be trusted now.
 * `pending`: it exists, but its roots are not known (none made yet, or not read since the start).
 */
export type AuthorityAnchors =
  | { readonly state: 'known'; readonly trustDomain: string /** DER */; readonly anchors: readonly Buffer[] }
  | { readonly state: 'pending'; readonly message: string }
  | { readonly state: 'absent' };

/** ca/ as this room sees it; answers from memory. */
export type AuthorityLookup = (name: string) => AuthorityAnchors;

/**
 * The roots of the CertificateAuthority with this name, as it was found.
 * @throws MangroveError BUNDLE_SOURCE_NOT_FOUND, BUNDLE_SOURCE_PENDING, BUNDLE_SOURCE_TRUST_DOMAIN, BUNDLE_ANCHOR_*
 */
export function authorityAnchors(
  name: string,
  trustDomain: string,
  found: AuthorityAnchors,
): readonly Anchor[] {
  switch (found.state) {
    case 'absent':
      throw new MangroveError('BUNDLE_SOURCE_NOT_FOUND', `there is no CertificateAuthority ${name}`);
    case 'pending':
      throw new MangroveError('BUNDLE_SOURCE_PENDING', `CertificateAuthority ${name}: ${found.message}`);
    case 'known':
      break;
  }
  if (found.trustDomain !== trustDomain) {
    throw new MangroveError(
      'BUNDLE_SOURCE_TRUST_DOMAIN',
      `CertificateAuthority ${name} is of trust domain ${found.trustDomain}, not ${trustDomain}`,
    );
  }
  if (found.anchors.length === 0) {
    throw new MangroveError('BUNDLE_SOURCE_PENDING', `CertificateAuthority ${name} has no root`);
  }
  return found.anchors.map((der, index) => parseAnchor(der, `root ${index + 1} of ${name}`));
}
