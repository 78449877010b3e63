import type { AuthoritySpec } from '#ca/authority/resource.ts';
import type { Certificate } from '#x509/certificate.ts';

/** Dates of a certificate, seconds since the epoch. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The validity of an issuing certificate that is minted now: never beyond its root's. */
export function issuingValidity(spec: AuthoritySpec, root: Certificate, now: number): Validity {
  return {
    notBefore: Math.max(now - spec.leaf.backdateSeconds, root.notBefore),
    notAfter: Math.min(now + spec.issuing.lifetimeSeconds, root.notAfter),
  };
}

/** When to replace an issuing certificate: while it still covers the longest leaf, and the overlap before that. */
export function renewAt(spec: AuthoritySpec, issuing: Validity): number {
  return issuing.notAfter - spec.leaf.maxLifetimeSeconds - spec.issuing.overlapSeconds;
}

/**
 * Whether to mint: nothing yet, or renewal is due and a new certificate would last longer. Near the end of a root it
 * would not, and minting again and again would help nobody.
 */
export function shouldMint(
  spec: AuthoritySpec,
  root: Certificate,
  issuing: Validity | undefined,
  now: number,
): boolean {
  if (issuing === undefined) return true;
  return now >= renewAt(spec, issuing) && issuingValidity(spec, root, now).notAfter > issuing.notAfter;
}
