import { hash } from 'node:crypto';
import { pemBlocks } from '#bundles/bundle/anchor.ts';
import { decodePublished } from '#bundles/bundle/bundle.ts';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { type ErrorCode, errorCode, errorMessage, MangroveError } from '#errors/error.ts';
import { type Certificate, parseCertificate } from '#x509/certificate.ts';
import { formatName } from '#x509/name.ts';

/** A certificate as a place holds it: described as far as it can be read, and counted all the same when it cannot. */
export interface HeldRoot {
  /** SHA-256 of the DER, hex. */
  readonly sha256: string;
  /** RFC 4514. */
  readonly subject?: string;
  /** RFC 3339, as are all times here. */
  readonly notBefore?: string;
  readonly notAfter?: string;
  /** Why the strict reader refuses it. */
  readonly unreadable?: Refusal;
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What one place holds, by fingerprint. */
export interface Holding {
  readonly place: string;
  readonly roots: ReadonlyMap<string, HeldRoot>;
}

/** With the certificates themselves. */
export interface CertificateHolding {
  readonly place: string;
  /** When the place says of which trust domain it is. */
  readonly trustDomain: string | undefined;
  readonly certificates: readonly Buffer[];
}

export function timeText(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().replace('.000Z', 'Z');
}

/**
 * DER of every certificate in a text, each once.
 * @throws MangroveError BUNDLE_PEM_INVALID naming the place, never quoting the text
 */
export function certificatesIn(place: string, text: string | Uint8Array): Buffer[] {
  try {
    return [...new Map(pemBlocks(text).map((der) => [fingerprint(der), der])).values()];
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new MangroveError(code, `${place}: ${errorMessage(error)}`, { cause: error });
  }
}

/** @throws MangroveError BUNDLE_PEM_INVALID */
export function textHolding(place: string, text: string | Uint8Array): Holding {
  const roots = certificatesIn(place, text).map(describe);
  return { place, roots: new Map(roots.map((root) => [root.sha256, root])) };
}

function describe(der: Buffer): HeldRoot {
  const sha256 = fingerprint(der);
  const read = readCertificate(der);
  if ('code' in read) return { sha256, unreadable: read };
  const { subject, notBefore, notAfter } = read;
  return {
    sha256,
    subject: formatName(subject),
    notBefore: timeText(notBefore),
    notAfter: timeText(notAfter),
  };
}

export function readCertificate(der: Buffer): Certificate | Refusal {
  try {
    return parseCertificate(der);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return { code, message: errorMessage(error) };
  }
}

/** @throws MangroveError PLACE_EMPTY when it says of no root that it publishes it */
export function statusHolding(place: string, { status }: TrustBundle): Holding {
  const anchors = status?.anchors ?? [];
  if (anchors.length === 0) throw new MangroveError('PLACE_EMPTY', `${place} has no root in its status`);
  const roots = anchors.map(({ sha256, subject, notBefore, notAfter }) => ({
    sha256,
    subject,
    notBefore,
    notAfter,
  }));
  return { place, roots: new Map(roots.map((root) => [root.sha256, root])) };
}

/**
 * The certificates of the roots in the status, which has fingerprints only, out of what its targets hold: a fingerprint proves
 * them, whoever wrote the target.
 * @throws MangroveError PLACE_EMPTY, PLACE_INCOMPLETE
 */
export function statusCertificates(
  place: string,
  bundle: TrustBundle,
  published: readonly string[],
): CertificateHolding {
  const known = new Map(published.flatMap((pem) => [...(decodePublished(pem) ?? [])]));
  const wanted = [...statusHolding(place, bundle).roots.keys()];
  const certificates = wanted.map((sha256) => known.get(sha256)).filter((der) => der !== undefined);
  if (certificates.length === wanted.length)
    return { place, trustDomain: bundle.spec.trustDomain, certificates };
  const [missing = '', ...more] = wanted.filter((sha256) => !known.has(sha256));
  throw new MangroveError(
    'PLACE_INCOMPLETE',
    `${place}: no ClusterTrustBundle and no ConfigMap that it writes holds the root ${missing.slice(0, 8)}${more.length > 0 ? ` and ${more.length} more` : ''}`,
  );
}

export function fingerprint(der: Buffer): string {
  return hash('sha256', der, 'hex');
}
