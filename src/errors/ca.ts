import { type ErrorRows, internal, misconfigured, refused, unavailable } from '#errors/row.ts';

export const caErrors = {
  CA_SPEC_INVALID: misconfigured(
    'SpecInvalid',
    'Correct the named field of the CertificateAuthority; nothing is signed under it until then.',
  ),
  CA_CONFLICTED: misconfigured(
    'Conflicted',
    'An older CertificateAuthority claims the same signer name or trust domain; change or delete one of the two.',
  ),
  CA_NOT_READY: unavailable(
    'AuthorityNotReady',
    'Wait: no authority of this signer is active yet. The conditions of the CertificateAuthority say what is missing.',
  ),
  CA_UNKNOWN_SIGNER: unavailable(
    'UnknownSigner',
    'No CertificateAuthority serves this signer name; create one, or correct signerName.',
  ),
  CA_AUTHORITY_MISSING: internal(
    'AuthorityMissing',
    'The Secret of an authority is gone. It is never made anew: restore it from a backup, or rotate to a new generation.',
  ),
  CA_AUTHORITY_DAMAGED: internal(
    'AuthorityDamaged',
    'The Secret of an authority is not what Mangrove wrote. Restore it from a backup; nothing is signed under it.',
  ),
  CA_AUTHORITY_FOREIGN: misconfigured(
    'AuthorityForeign',
    'A Secret that Mangrove did not make has the name of an authority; rename or delete it.',
  ),
  CA_TRANSITION_LOST: internal(
    'TransitionLost',
    'The phases after a write are not what it meant, so another writer interfered; it is tried again from fresh state.',
  ),
  CA_NOT_CONFIRMED: unavailable(
    'AuthorityNotConfirmed',
    'Wait: this replica could not confirm with the API server for too long that it may still sign, and does not.',
  ),
  CA_CLOCK_SKEWED: unavailable(
    'ClockSkewed',
    "Set the clock of this node (NTP): it is too far from the API server's for any date to be believed. Nothing is signed here until then.",
  ),
  CA_ISSUER_EXPIRING: unavailable(
    'IssuerExpiring',
    'The issuing certificate, or its root, ends too soon for the shortest leaf; renewal is due and is retried.',
  ),
  CA_HIERARCHY_REJECTED: internal(
    'CertificateRejected',
    'A certificate that was just made did not pass the strict reader and was thrown away; report it.',
  ),
  CA_KEY_NOT_ALLOWED: refused(
    'KeyNotAllowed',
    'Use a key of an algorithm that spec.leaf.keyAlgorithms of the CertificateAuthority lists.',
  ),
  CA_KEY_IS_AUTHORITY: refused(
    'KeyIsAuthority',
    'Make a key of your own: this is the key of a certificate authority.',
  ),
  CA_TRUST_DOMAIN_FOREIGN: refused(
    'TrustDomainForeign',
    'Ask a signer of your own trust domain; this one signs for one trust domain only.',
  ),
  CA_USAGE_UNKNOWN: refused(
    'UsageUnknown',
    'Use the names of certificates.k8s.io/v1 KeyUsage, such as "digital signature".',
  ),
  CA_USAGE_NOT_GRANTED: refused(
    'UsageNotGranted',
    'Ask only for usages that spec.leaf.usages of the CertificateAuthority lists.',
  ),
  CA_USAGE_MISSING: refused(
    'UsageMissing',
    'Add "digital signature": a workload certificate without it cannot authenticate (X509-SVID, section 4.3).',
  ),
  CA_USAGE_NOT_FOR_KEY: refused(
    'UsageNotForKey',
    'Drop "key encipherment", or use an RSA key: other keys cannot encipher (RFC 8813, section 3).',
  ),
  CA_LIFETIME_TOO_SHORT: refused(
    'LifetimeTooShort',
    'Ask for at least spec.leaf.minLifetime of the CertificateAuthority.',
  ),
} as const satisfies ErrorRows<string>;
