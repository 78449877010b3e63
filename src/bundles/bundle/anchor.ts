import { hash } from 'node:crypto';
import { errorCode, errorMessage, MangroveError } from '#errors/error.ts';
import type { Certificate } from '#x509/certificate.ts';
import { isSelfIssued, isSignedBy, parseCertificate } from '#x509/certificate.ts';
import { findExtension } from '#x509/extension-reader.ts';
import { formatName } from '#x509/name.ts';
import { parsePem } from '#x509/pem.ts';

/** A self-signed root that every verifier we know reads alike. Made only by {@link parseAnchor}. */
export interface Anchor {
  readonly der: Buffer;
  /** SHA-256 of the DER, hex: the identity of an anchor everywhere. */
  readonly sha256: string;
  /** RFC 4514, for people. */
  readonly subject: string;
  /** Epoch seconds, both ends included (RFC 5280 §4.1.2.5). */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SPIFFE trust domain that the root itself names in a URI, if it does (X509-SVID §2). */
  readonly spiffeTrustDomain: string | undefined;
}

/** The API server refuses a longer PEM in one object, so no source can need more. */
export const MAX_BUNDLE_BYTES = 1_048_576;

/**
 * Critical extensions that Go and OpenSSL process in a root. Anything else that is critical makes verifiers
 * refuse every chain that ends in it (RFC 5280 §4.2).
 */
const PROCESSED_EXTENSIONS: ReadonlySet<string> = new Set([
  '2.5.29.15', // keyUsage
  '2.5.29.17', // subjectAltName
  '2.5.29.19', // basicConstraints
  '2.5.29.30', // nameConstraints
  '2.5.29.32', // certificatePolicies
  '2.5.29.36', // policyConstraints
  '2.5.29.37', // extKeyUsage
  '2.5.29.54', // inhibitAnyPolicy
]);
const BASIC_CONSTRAINTS = '2.5.29.19';

/**
 * Reads all anchors of one PEM text. One damaged block, foreign block or refused certificate fails the whole text:
 * Go's reader skips damaged blocks silently, so a lenient publisher would drop a root without anyone noticing.
 * @throws MangroveError BUNDLE_PEM_INVALID, BUNDLE_ANCHOR_*; never quotes the text.
 */
export function parseAnchorsPem(text: string | Uint8Array): Anchor[] {
  return pemBlocks(text).map((der, index) => parseAnchor(der, `certificate ${index + 1}`));
}

/**
 * DER of every certificate in a PEM text, whatever it is a certificate of.
 * @throws MangroveError BUNDLE_PEM_INVALID; never quotes the text.
 */
export function pemBlocks(text: string | Uint8Array): Buffer[] {
  try {
    return parsePem(text, 'CERTIFICATE', { maxBytes: MAX_BUNDLE_BYTES, maxBlocks: MAX_BUNDLE_BYTES / 64 });
  } catch (cause) {
    throw new MangroveError('BUNDLE_PEM_INVALID', `not a list of certificates: ${errorMessage(cause)}`, {
      cause,
    });
  }
}

/**
 * Anchors that were read before, by fingerprint: a pure function of the bytes, whose signatures cost up to 2 ms each on the
 * thread that also signs, and which is asked again at each look at a source.
 */
const proven = new Map<string, Anchor>();
const mostProven = 4096;

/**
 * Reads one anchor. Whether it is valid now is a matter of the bundle, not of the anchor: see {@link admission}.
 * @param where names the certificate in messages, such as `certificate 2`.
 * @throws MangroveError BUNDLE_ANCHOR_*
 */
export function parseAnchor(der: Buffer, where: string): Anchor {
  const fingerprint = hash('sha256', der);
  const known = proven.get(fingerprint);
  if (known !== undefined) return known;
  const certificate = readCertificate(der, where);
  const subject = formatName(certificate.subject);
  requireRoot(certificate, `${where} (${subject})`);
  const anchor: Anchor = {
    der: certificate.der,
    sha256: certificate.sha256,
    subject,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    spiffeTrustDomain: spiffeTrustDomain(certificate),
  };
  if (proven.size >= mostProven) proven.clear();
  proven.set(fingerprint, anchor);
  return anchor;
}

function readCertificate(der: Buffer, where: string): Certificate {
  try {
    return parseCertificate(der);
  } catch (cause) {
    const old = errorCode(cause) === 'CERTIFICATE_VERSION_UNSUPPORTED';
    const code = old ? 'BUNDLE_ANCHOR_NOT_V3' : 'BUNDLE_ANCHOR_MALFORMED';
    throw new MangroveError(code, `${where}: ${errorMessage(cause)}`, { cause });
  }
}

function requireRoot(certificate: Certificate, where: string): void {
  if (!isSelfIssued(certificate)) {
    const issuer = formatName(certificate.issuer);
    throw new MangroveError(
      'BUNDLE_ANCHOR_NOT_SELF_SIGNED',
      `${where}: issued by ${issuer}, so it is no root; give the root instead`,
    );
  }
  if (certificate.basicConstraints?.ca !== true || !isCritical(certificate, BASIC_CONSTRAINTS)) {
    throw new MangroveError('BUNDLE_ANCHOR_NOT_CA', `${where}: no critical basicConstraints with cA TRUE`);
  }
  if (certificate.keyUsage?.includes('keyCertSign') !== true) {
    throw new MangroveError('BUNDLE_ANCHOR_KEY_USAGE', `${where}: keyUsage without keyCertSign`);
  }
  for (const { oid, critical } of certificate.extensions) {
    if (critical && !PROCESSED_EXTENSIONS.has(oid)) {
      throw new MangroveError('BUNDLE_ANCHOR_EXTENSION', `${where}: unknown critical extension ${oid}`);
    }
  }
  if (!isSignedBy(certificate, certificate.publicKey)) {
    throw new MangroveError('BUNDLE_ANCHOR_SIGNATURE', `${where}: its own key does not verify its signature`);
  }
}

function isCritical(certificate: Certificate, oid: string): boolean {
  return findExtension(certificate.extensions, oid)?.critical === true;
}

/** The trust domain that a certificate names in a URI, if it does (X509-SVID §2). */
export function spiffeTrustDomain(certificate: Certificate): string | undefined {
  for (const name of certificate.subjectAltNames) {
    if (name.kind !== 'uri') continue;
    // Case-insensitive on purpose: an upper-case scheme must not slip a foreign root past the comparison.
    const match = /^spiffe:\/\/([^/?#]*)/i.exec(name.value);
    if (match !== null) return match[1];
  }
  return undefined;
}

/**
 * How long before its notBefore a root joins the bundle: kubelets, proxies and applications need minutes to pick it
 * up, and until it is valid nothing can chain to it, so it does no harm. Covers clock skew as well.
 */
export const LEAD_SECONDS = 3600;

export type Admission =
  | { readonly state: 'admitted' /** Epoch seconds at which this changes. */; readonly until: number }
  | { readonly state: 'early'; readonly until: number }
  | { readonly state: 'expired' };

/** Whether an anchor belongs into a bundle at that second. RFC 5280 §4.1.2.5: notAfter itself is still valid. */
export function admission(anchor: Anchor, nowSeconds: number): Admission {
  if (nowSeconds > anchor.notAfter) return { state: 'expired' };
  const joins = anchor.notBefore - LEAD_SECONDS;
  if (nowSeconds < joins) return { state: 'early', until: joins };
  return { state: 'admitted', until: anchor.notAfter + 1 };
}
