import { MangroveError } from '#errors/error.ts';

/** On a TrustBundle: fingerprints of roots that may leave it, separated by commas. What was used is taken away. */
export const CONSENT_ANNOTATION = 'mangrove.dev/allow-removal';

export interface Consent {
  readonly fingerprints: readonly string[];
  /** Parts that are no fingerprint, as they were written: they name nothing. */
  readonly strange: readonly string[];
}

/** What the annotation says: fingerprints as OpenSSL writes them, or in plain hex. */
export function consentOf(annotations: Readonly<Record<string, string>> = {}): Consent {
  const parts = (annotations[CONSENT_ANNOTATION] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const read = parts.map((part) => ({ part, sha256: part.replaceAll(/[\s:]/g, '').toLowerCase() }));
  const isFingerprint = ({ sha256 }: { readonly sha256: string }): boolean => /^[0-9a-f]{64}$/.test(sha256);
  return {
    fingerprints: [...new Set(read.filter(isFingerprint).map(({ sha256 }) => sha256))],
    strange: read.filter((one) => !isFingerprint(one)).map(({ part }) => part),
  };
}

/** The annotation without what was used; undefined when nothing is left of it. */
export function restOf({ fingerprints, strange }: Consent, used: readonly string[]): string | undefined {
  const rest = [...fingerprints.filter((sha256) => !used.includes(sha256)), ...strange];
  return rest.length === 0 ? undefined : rest.join(',');
}

const mostNamed = 8;
/** Enough to find it, and not all of what somebody may have pasted. */
const shownLength = 20;

/** What an operator reads of a consent that names nothing; undefined when all of it names a root. */
export function consentError(
  { fingerprints, strange }: Consent,
  isKnown: (sha256: string) => boolean,
): MangroveError | undefined {
  const unknown = fingerprints.filter((sha256) => !isKnown(sha256));
  const faults = [
    listed(strange.map(shown), 'no SHA-256 fingerprint, which has 64 hex digits'),
    listed(unknown, 'no root of this bundle'),
  ].filter((fault) => fault !== undefined);
  if (faults.length === 0) return undefined;
  return new MangroveError('BUNDLE_CONSENT_INVALID', `${CONSENT_ANNOTATION}: ${faults.join('; ')}`);
}

function listed(parts: readonly string[], what: string): string | undefined {
  if (parts.length === 0) return undefined;
  const more = parts.length - mostNamed;
  const named = parts.slice(0, mostNamed).join(', ');
  return `${named}${more > 0 ? ` and ${more} more` : ''} ${parts.length === 1 ? 'is' : 'are'} ${what}`;
}

function shown(part: string): string {
  return JSON.stringify(part.length > shownLength ? `${part.slice(0, shownLength)}…` : part);
}
