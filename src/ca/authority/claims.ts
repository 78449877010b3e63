import { type Claims, conflictOf } from '#ca/authority/conflict.ts';
import type { AuthoritySpec, CertificateAuthority } from '#ca/authority/resource.ts';
import { parseCertificateAuthoritySpec } from '#ca/authority/resource.ts';
import type { AuthorityOwner } from '#ca/authority/store.ts';
import { MangroveError } from '#errors/error.ts';

/** A CertificateAuthority whose spec was checked and that nobody older contests. */
export interface AdmittedAuthority {
  readonly owner: AuthorityOwner;
  readonly spec: AuthoritySpec;
}

/**
 * The typed form of a CertificateAuthority, which from here on nobody checks again.
 * @param all every CertificateAuthority of the cluster, also those that this process does not handle.
 * @throws MangroveError CA_SPEC_INVALID, CA_CONFLICTED
 */
export function admitAuthority(
  raw: CertificateAuthority,
  all: readonly CertificateAuthority[],
): AdmittedAuthority {
  const spec = parseCertificateAuthoritySpec(raw.spec);
  const conflict = conflictOf(claimsOf(raw), all.map(claimsOf));
  if (conflict !== undefined) {
    throw new MangroveError(
      'CA_CONFLICTED',
      `CertificateAuthority ${conflict.with} is older and has the same ${conflict.about}`,
    );
  }
  return { owner: { name: raw.metadata.name, trustDomain: spec.trustDomain }, spec };
}

/** From the raw object: a claim counts even when the rest of its spec is wrong, so that no edit hands a name over. */
function claimsOf({ metadata, spec }: CertificateAuthority): Claims {
  const { name, uid = '', creationTimestamp = '' } = metadata;
  return { name, uid, creationTimestamp, trustDomain: spec.trustDomain, signerNames: spec.signerNames };
}
