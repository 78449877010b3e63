import { type Certificate, isSelfIssued } from '#x509/certificate.ts';
import { type X509Code, X509Error } from '#x509/error.ts';
import { findExtension } from '#x509/extension-reader.ts';
import { formatName } from '#x509/name.ts';
import { extensionOid } from '#x509/object-identifier.ts';

export type PathPurpose = 'serverAuth' | 'clientAuth';

/** What is wrong with a certificate, whatever it was issued by. Each `if` is one rule with its source. */
export type Faults = readonly X509Error[];

/** Rules for the certificate at the end of the chain. */
export function leafFaults(leaf: Certificate, at: number, purpose: PathPurpose): Faults {
  const faults = new FaultList(leaf);
  checkAny(faults, leaf, at, purpose);
  checkAuthorityKeyId(faults, leaf);
  // X509-SVID §4.1 and §4.3: what may sign certificates or revocation lists is an authority.
  const signs = leaf.keyUsage?.some((usage) => usage === 'keyCertSign' || usage === 'cRLSign');
  if (leaf.basicConstraints?.ca === true || signs === true)
    faults.add('PATH_LEAF_IS_CA', 'may sign as an authority does and cannot be a leaf');
  // RFC 5280 §4.2.1.3; every key that is read here signs in TLS 1.3, whatever else it could do before.
  if (leaf.keyUsage?.includes('digitalSignature') === false)
    faults.add('PATH_KEY_USAGE', 'has a key usage without digitalSignature');
  // RFC 5280 §4.2.1.10.
  if (findExtension(leaf.extensions, extensionOid.nameConstraints) !== undefined)
    faults.add('PATH_LEAF_IS_CA', 'has name constraints, which only an authority has');
  // RFC 5280 §4.1.2.6.
  const names = findExtension(leaf.extensions, extensionOid.subjectAltName);
  if (leaf.subject.attributes.length === 0 && names?.critical !== true)
    faults.add('PATH_CRITICALITY', 'has no subject and alternative names that are not critical');
  return faults.all;
}

/** What a certificate that issued others is to a chain. */
export interface AuthorityPlace {
  readonly anchor: boolean;
  /** The intermediates between it and the leaf. */
  readonly below: readonly Certificate[];
}

/** Rules for a certificate that issued others, an anchor too. */
export function authorityFaults(
  authority: Certificate,
  { anchor, below }: AuthorityPlace,
  at: number,
  purpose: PathPurpose,
): Faults {
  const faults = new FaultList(authority);
  checkAny(faults, authority, at, purpose);
  if (!anchor) checkAuthorityKeyId(faults, authority);
  checkBasicConstraints(faults, authority, below);
  // RFC 5280 §6.1.4 (n).
  if (authority.keyUsage?.includes('keyCertSign') === false)
    faults.add('PATH_KEY_USAGE', 'has a key usage without keyCertSign');
  // RFC 5280 §4.1.2.6 and §4.2.1.2.
  if (authority.subject.attributes.length === 0)
    faults.add('PATH_SUBJECT_EMPTY', 'issues certificates, but has no subject');
  if (authority.subjectKeyId === undefined)
    faults.add('PATH_KEY_ID_MISSING', 'issues certificates, but has no subject key id');
  return faults.all;
}

function checkBasicConstraints(
  faults: FaultList,
  authority: Certificate,
  below: readonly Certificate[],
): void {
  const constraints = authority.basicConstraints;
  // RFC 5280 §6.1.4 (k).
  if (constraints?.ca !== true) return faults.add('PATH_NOT_A_CA', 'is not a certificate authority');
  // RFC 5280 §4.2.1.9.
  if (findExtension(authority.extensions, extensionOid.basicConstraints)?.critical !== true)
    faults.add('PATH_CRITICALITY', 'is an authority whose basic constraints are not critical');
  // RFC 5280 §6.1.4 (l) and (m): self-issued certificates do not count.
  const counted = below.filter((certificate) => !isSelfIssued(certificate)).length;
  const { pathLength } = constraints;
  if (pathLength !== undefined && counted > pathLength)
    faults.add('PATH_LENGTH_EXCEEDED', `allows ${pathLength} intermediates below it, not ${counted}`);
}

/** RFC 5280 §4.2: what a path validation that does not know an extension must do when it is critical. */
const processed = new Set<string>([
  extensionOid.keyUsage,
  extensionOid.subjectAltName,
  extensionOid.basicConstraints,
  extensionOid.nameConstraints,
  extensionOid.extendedKeyUsage,
]);
/** RFC 5280 §4.2.1.1 and §4.2.1.2: never critical. */
const neverCritical = new Set<string>([extensionOid.authorityKeyId, extensionOid.subjectKeyId]);
/** RFC 5280 §4.2.1.11, §4.2.1.5 and §4.2.1.14: always critical, so that nobody may pass over them; not processed here. */
const neverIgnored = new Set(['2.5.29.36', '2.5.29.33', '2.5.29.54']);

function checkAny(faults: FaultList, certificate: Certificate, at: number, purpose: PathPurpose): void {
  checkTime(faults, certificate, at);
  for (const { oid, critical } of certificate.extensions) {
    if (critical && neverCritical.has(oid))
      faults.add('PATH_CRITICALITY', `has a critical key id, the extension ${oid}`);
    else if ((critical && !processed.has(oid)) || neverIgnored.has(oid))
      faults.add('PATH_EXTENSION_UNKNOWN', `has the extension ${oid}, which must not be ignored`);
  }
  // RFC 5280 §4.2.1.12. In an authority it holds for everything below, as all verifiers that look at it do.
  const purposes = certificate.extendedKeyUsage;
  if (purposes !== undefined && !purposes.includes(purpose) && !purposes.includes('anyExtendedKeyUsage'))
    faults.add('PATH_PURPOSE', `is not for ${purpose}`);
}

/** RFC 5280 §4.2.1.1: only a self-signed certificate may leave it out; nobody looks for the issuer of an anchor. */
function checkAuthorityKeyId(faults: FaultList, certificate: Certificate): void {
  if (certificate.authorityKeyId === undefined) faults.add('PATH_KEY_ID_MISSING', 'has no authority key id');
}

/** RFC 5280 §4.1.2.5: both ends belong to the time of validity. */
function checkTime(faults: FaultList, { notBefore, notAfter }: Certificate, at: number): void {
  if (at < notBefore) faults.add('PATH_NOT_YET_VALID', `is valid from ${iso(notBefore)}, not at ${iso(at)}`);
  if (at > notAfter) faults.add('PATH_EXPIRED', `was valid through ${iso(notAfter)}, not at ${iso(at)}`);
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

class FaultList {
  readonly #what: string;
  readonly #faults: X509Error[] = [];

  constructor(certificate: Certificate) {
    this.#what = describeCertificate(certificate);
  }

  get all(): Faults {
    return this.#faults;
  }

  add(code: X509Code, what: string): void {
    this.#faults.push(new X509Error(code, `${this.#what} ${what}`));
  }
}

export function describeCertificate({ subject, serial }: Certificate): string {
  return `the certificate ${serial.toString('hex')} of "${formatName(subject).slice(0, 200)}"`;
}
