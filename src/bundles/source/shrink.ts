import type { Anchor } from '#bundles/bundle/anchor.ts';
import { MangroveError } from '#errors/error.ts';

/** An anchor that was in the bundle when it was last published. */
export interface Published {
  readonly anchor: Anchor;
  /** Who gave it, such as `configMap/corporate`. */
  readonly source: string;
  /** No source gave it any more then: it stayed because nobody had agreed to lose it. */
  readonly withheld: boolean;
}

/** What was published last, by the status and by what the targets show. */
export interface LastPublished {
  readonly anchors: readonly Published[];
  /** Fingerprints of those whose bytes no target shows now, so that they cannot be published again. */
  readonly unseen: readonly string[];
}

/** What a bundle may lose at once. */
export interface ShrinkRule {
  readonly before: LastPublished;
  /** Percent of it that a change may take away unasked. */
  readonly limitPercent: number;
  /** Fingerprints whose removal an operator agreed to. */
  readonly consent: readonly string[];
}

export interface Shrinkage {
  /** Gone from every source, and published all the same: nobody agreed to so large a loss. */
  readonly withheld: readonly Anchor[];
  /** Something would have to be withheld whose bytes are not at hand: targets may grow, and must not shrink. */
  readonly blind: boolean;
}

/** What the sources give now. */
export interface Given {
  /** Fingerprints. */
  readonly anchors: ReadonlySet<string>;
  /** Authorities of ours that can be read now and have a root: what they do not give any more they have retired. */
  readonly authorities: ReadonlySet<string>;
}

/**
 * What stays although no source gives it any more. A source that is emptied by accident, or replaced by another set, must not
 * end the trust of every workload within a minute; the roots of an authority of ours leave when it retires them, and only then.
 */
export function shrinkage({ before, limitPercent, consent }: ShrinkRule, given: Given): Shrinkage {
  const removed = before.anchors.filter(
    ({ anchor, source }) => !given.anchors.has(anchor.sha256) && !given.authorities.has(source),
  );
  const unasked = removed.filter(({ anchor }) => !consent.includes(anchor.sha256));
  const unseen = before.unseen.filter((sha256) => !given.anchors.has(sha256) && !consent.includes(sha256));
  // What is withheld stays so: it must not leave because of what has joined the bundle since.
  const earlier = unasked.filter(({ withheld }) => withheld);
  const total = before.anchors.filter(({ withheld }) => !withheld).length + before.unseen.length;
  const isSmall = (unasked.length - earlier.length + unseen.length) * 100 <= total * limitPercent;
  const anchors = (published: readonly Published[]): Anchor[] => published.map(({ anchor }) => anchor);
  return {
    withheld: anchors(isSmall ? earlier : unasked),
    blind: !isSmall && unseen.length > 0,
  };
}

/** Whether it is an authority of ours: its own rules say when a root leaves. */
export function isOurs(source: string): boolean {
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
