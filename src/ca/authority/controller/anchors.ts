import type { Authority } from '#ca/authority/authority.ts';
import { admitAuthority } from '#ca/authority/claims.ts';
import { checkRemembered } from '#ca/authority/remembered.ts';
import type { CertificateAuthority } from '#ca/authority/resource.ts';
import type { AuthorityOwner, AuthorityStore } from '#ca/authority/store.ts';
import { errorMessage } from '#errors/error.ts';
import type { Cache } from '#kube/cache.ts';

/** The roots of a CertificateAuthority that must be trusted now, or why they are not known. */
export type TrustedRoots =
  | { readonly state: 'known'; readonly trustDomain: string; readonly anchors: readonly Buffer[] }
  | { readonly state: 'pending'; readonly message: string }
  | { readonly state: 'absent' };

export interface TrustedRootsOptions {
  /** Every CertificateAuthority of the cluster. */
  readonly authorities: Cache<CertificateAuthority>;
  readonly store: Pick<AuthorityStore, 'observed' | 'remembered'>;
}

/**
 * What a CertificateAuthority publishes: every generation until it is retired. While any generation that the status
 * knows is not at hand the answer is "pending", never a smaller set: a lost Secret must not take a root out of a bundle.
 */
export function trustedRoots(name: string, { authorities, store }: TrustedRootsOptions): TrustedRoots {
  const raw = authorities.get(undefined, name);
  if (raw === undefined) return { state: 'absent' };
  let owner: AuthorityOwner;
  let all: readonly Authority[] | undefined;
  try {
    ({ owner } = admitAuthority(raw, authorities.list()));
    all = store.remembered(owner);
    if (all !== undefined) checkRemembered(name, all, raw.status?.authorities ?? []);
  } catch (error) {
    return { state: 'pending', message: errorMessage(error) };
  }
  if (all === undefined) return { state: 'pending', message: 'its roots are being read' };
  const trusted = all.filter(({ timestamps }) => timestamps.retiredAt === undefined);
  if (trusted.length === 0) return { state: 'pending', message: 'it has no root yet' };
  return {
    state: 'known',
    trustDomain: owner.trustDomain,
    anchors: trusted.map(({ certificate }) => certificate.der),
  };
}

/**
 * Brings the roots of a CertificateAuthority into memory, so that `trustedRoots` knows them at once after a start.
 * @throws MangroveError CA_*, KUBE_*
 */
export async function readRoots(
  raw: CertificateAuthority,
  { authorities, store }: TrustedRootsOptions,
): Promise<void> {
  await store.observed(admitAuthority(raw, authorities.list()).owner);
}
