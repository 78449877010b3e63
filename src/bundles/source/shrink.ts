import type { Anchor } from '#bundles/bundle/anchor.ts';
import { MangroveError } from '#errors/error.ts';

/** An anchor that was in the bundle when it was last published. */
export interface Published {
  readonly anchor: Anchor;
  /** Who gave it, such as `configMap/corporate`. */
  readonly source: string;
}

/** What a bundle may lose at once. */
export interface ShrinkRule {
  /** What was published last, as far as its bytes are known. */
  readonly before: readonly Published[];
  /** Percent of it that a change may take away unasked. */
  readonly limitPercent: number;
  /** Fingerprints whose removal an operator agreed to. */
  readonly consent: readonly string[];
}

export interface Shrinkage {
  /** Gone from every source, and published all the same: nobody agreed to so large a loss. */
  readonly withheld: readonly Anchor[];
  /** Gone because somebody agreed to it. */
  readonly consented: readonly Anchor[];
}

/**
 * What stays although no source gives it any more. A source that is emptied by accident, or replaced by another set, must not
 * end the trust of every workload within a minute; the roots of an authority of ours leave when it retires them, and only then.
 * @param given fingerprints that the sources give now
 */
export function shrinkage(
  { before, limitPercent, consent }: ShrinkRule,
  given: ReadonlySet<string>,
): Shrinkage {
  const removed = before.filter(({ anchor, source }) => !given.has(anchor.sha256) && !isOurs(source));
  const consented = removed.filter(({ anchor }) => consent.includes(anchor.sha256));
  const unasked = removed.filter(({ anchor }) => !consent.includes(anchor.sha256));
  const isSmall = unasked.length * 100 <= before.length * limitPercent;
  const anchors = (published: readonly Published[]): Anchor[] => published.map(({ anchor }) => anchor);
  return { withheld: isSmall ? [] : anchors(unasked), consented: anchors(consented) };
}

function isOurs(source: string): boolean {
  return source.startsWith('authority/');
}

/** On a TrustBundle: fingerprints of roots that may leave it, separated by commas. Taken away once it was used. */
export const CONSENT_ANNOTATION = 'mangrove.dev/allow-removal';

/** The fingerprints of the annotation, as OpenSSL writes them or in plain hex; what is none is left out, for it names nothing. */
export function consentOf(annotations: Readonly<Record<string, string>> = {}): string[] {
  const text = annotations[CONSENT_ANNOTATION] ?? '';
  return text
    .split(',')
    .map((part) => part.replaceAll(/[\s:]/g, '').toLowerCase())
    .filter((part) => /^[0-9a-f]{64}$/.test(part));
}

const mostNamed = 8;

/** What an operator reads of roots that are withheld from leaving; undefined when there are none. */
export function withheldError(withheld: readonly Anchor[]): MangroveError | undefined {
  if (withheld.length === 0) return undefined;
  const named = withheld.slice(0, mostNamed).map(({ sha256, subject }) => `${sha256} (${subject})`);
  const more = withheld.length - named.length;
  return new MangroveError(
    'BUNDLE_SHRINK_WITHHELD',
    `${withheld.length} roots are in no source any more and stay: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
  );
}
