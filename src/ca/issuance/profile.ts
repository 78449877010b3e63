import type { AuthoritySpec } from '#ca/authority/resource.ts';
import { parseUsages } from '#ca/issuance/usages.ts';
import type { ExtendedKeyUsage, KeyUsage } from '#x509/key-usage.ts';
import type { KeyAlgorithm } from '#x509/public-key.ts';
import type { TrustDomain } from '#x509/spiffe-id.ts';

/** What leaves of one CertificateAuthority may be. All durations in seconds. Made from its validated spec only. */
export interface LeafProfile {
  readonly trustDomain: TrustDomain;
  readonly lifetime: number;
  readonly maxLifetime: number;
  readonly minLifetime: number;
  /** How far notBefore lies in the past, for verifiers whose clocks are behind. */
  readonly backdate: number;
  readonly keyAlgorithms: ReadonlySet<KeyAlgorithm>;
  readonly keyUsages: ReadonlySet<KeyUsage>;
  readonly extendedKeyUsages: ReadonlySet<ExtendedKeyUsage>;
}

/** @param longest seconds: what stands on the authority; a leaf that lives longer would outlive the end of its drain. */
export function leafProfile({ trustDomain, leaf }: AuthoritySpec, longest: number): LeafProfile {
  const { keyUsage, extendedKeyUsage } = parseUsages(leaf.usages);
  return {
    trustDomain,
    lifetime: leaf.lifetimeSeconds,
    maxLifetime: Math.min(leaf.maxLifetimeSeconds, longest),
    minLifetime: leaf.minLifetimeSeconds,
    backdate: leaf.backdateSeconds,
    keyAlgorithms: new Set(leaf.keyAlgorithms),
    keyUsages: new Set(keyUsage),
    extendedKeyUsages: new Set(extendedKeyUsage),
  };
}
