import { createHash } from 'node:crypto';
import { type Anchor, MAX_BUNDLE_BYTES } from '#bundles/bundle/anchor.ts';
import { MangroveError } from '#errors/error.ts';
import { encodePem, parsePem } from '#x509/pem.ts';

/** The anchors of ONE trust domain: at least one, no two alike, in order of their fingerprints. */
export interface Bundle {
  readonly trustDomain: string;
  readonly anchors: readonly [Anchor, ...Anchor[]];
  /** A function of the set alone: no comments, one newline at the end. */
  readonly pem: string;
  /** SHA-256 of `pem`, hex, so that `kubectl … | sha256sum` gives it too. */
  readonly sha256: string;
}

/**
 * Pools anchors of one trust domain.
 * @throws MangroveError BUNDLE_EMPTY, BUNDLE_TOO_LARGE, BUNDLE_ANCHOR_FOREIGN
 */
export function makeBundle(trustDomain: string, anchors: Iterable<Anchor>): Bundle {
  const byFingerprint = new Map<string, Anchor>();
  for (const anchor of anchors) {
    requireTrustDomain(trustDomain, anchor);
    byFingerprint.set(anchor.sha256, anchor);
  }
  const [first, ...rest] = sorted(byFingerprint.values());
  if (first === undefined) {
    throw new MangroveError('BUNDLE_EMPTY', `no source gives an anchor of ${trustDomain}`);
  }
  const pem = canonicalPem(byFingerprint.values());
  if (pem.length > MAX_BUNDLE_BYTES) {
    throw new MangroveError(
      'BUNDLE_TOO_LARGE',
      `${byFingerprint.size} anchors of ${trustDomain} are ${pem.length} bytes of PEM; the limit is ${MAX_BUNDLE_BYTES}`,
    );
  }
  return { trustDomain, anchors: [first, ...rest], pem, sha256: sha256(pem) };
}

/** What a bundle and what was read back from a target have in common. */
type Fingerprinted = Pick<Anchor, 'sha256' | 'der'>;

function canonicalPem(certificates: Iterable<Fingerprinted>): string {
  return sorted(certificates)
    .map(({ der }) => encodePem('CERTIFICATE', der))
    .join('');
}

function sorted<T extends Fingerprinted>(certificates: Iterable<T>): T[] {
  return [...certificates].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The hash that a bundle of these certificates has, hex. */
export function bundleHash(certificates: ReadonlyMap<string, Buffer>): string {
  return sha256(canonicalPem(certificates.entries().map(([sha256, der]) => ({ sha256, der }))));
}

/**
 * A root that names another trust domain in its own URI must not vouch for this one.
 * @throws MangroveError BUNDLE_ANCHOR_FOREIGN
 */
export function requireTrustDomain(trustDomain: string, anchor: Anchor): void {
  const named = anchor.spiffeTrustDomain;
  if (named === undefined || named === trustDomain) return;
  throw new MangroveError(
    'BUNDLE_ANCHOR_FOREIGN',
    `anchor ${anchor.sha256.slice(0, 8)} (${anchor.subject}) says that it is of trust domain ${named}, not ${trustDomain}`,
  );
}

/**
 * The certificates in a PEM text as a target holds it, by fingerprint; undefined when it cannot be read strictly.
 * Such a text equals no bundle: the API server accepts damaged blocks, and readers then miss an anchor.
 */
export function decodePublished(pem: string): ReadonlyMap<string, Buffer> | undefined {
  let blocks: Buffer[];
  try {
    blocks = parsePem(pem, 'CERTIFICATE', { maxBytes: MAX_BUNDLE_BYTES, maxBlocks: MAX_BUNDLE_BYTES / 64 });
  } catch {
    return undefined;
  }
  return new Map(blocks.map((der) => [sha256(der), der]));
}

/** Equality of bundles is equality of decoded sets: order and line ends are nobody's business. */
export function publishes(pem: string, bundle: Bundle): boolean {
  return pem === bundle.pem || isSetOf(decodePublished(pem), bundle);
}

/** Whether these certificates, by fingerprint, are the anchors of the bundle and no others. */
export function isSetOf(
  certificates: ReadonlyMap<string, unknown> | undefined,
  { anchors }: Bundle,
): boolean {
  return (
    certificates !== undefined &&
    certificates.size === anchors.length &&
    anchors.every(({ sha256 }) => certificates.has(sha256))
  );
}
