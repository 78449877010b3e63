import type { Anchor } from '#bundles/bundle/anchor.ts';
import { isWithinLimit, MAX_REMOVALS, type Removal, recentRemovals } from '#bundles/source/removal.ts';
import { MangroveError } from '#errors/error.ts';

/** An anchor that was in the bundle when it was last published. */
export interface Published {
  readonly anchor: Anchor;
  /** Who gave it, such as `configMap/corporate`. */
  readonly source: string;
  /** No source gave it any more then: it stayed because nobody had agreed to lose it. */
  readonly withheld: boolean;
  /** When it joined the bundle, wall clock, ms; 0 when that is not known. */
  readonly since: number;
}

/** What was published last, by the status and by what the targets show. */
export interface LastPublished {
  readonly anchors: readonly Published[];
  /** Those whose bytes no target shows now, so that they cannot be published again. */
  readonly unseen: readonly Pick<Removal, 'sha256' | 'since'>[];
  /** What has left it unasked not long ago. */
  readonly removals: readonly Removal[];
}

/** What a bundle may lose. */
export interface ShrinkRule {
  readonly before: LastPublished;
  /** Percent of it that may leave unasked within the window. */
  readonly limitPercent: number;
  /** Fingerprints whose removal an operator agreed to. */
  readonly consent: readonly string[];
}

export interface Shrinkage {
  /** Gone from every source, and published all the same: nobody agreed to so large a loss. */
  readonly withheld: readonly Anchor[];
  /** Something would have to be withheld whose bytes are not at hand: targets may grow, and must not shrink. */
  readonly blind: boolean;
  /** What has left unasked once this is published. */
  readonly removals: readonly Removal[];
}

/** What the sources give now. */
export interface Given {
  /** Fingerprints. */
  readonly anchors: ReadonlySet<string>;
  /** Authorities of ours that can be read now and have a root: what they do not give any more they have retired. */
  readonly authorities: ReadonlySet<string>;
}

/**
 * What stays although no source gives it any more. A source that is emptied by accident, at once or object by object, or replaced by
 * another set, must not end the trust of every workload; the roots of an authority of ours leave when it retires them, and only then.
 * @param now wall clock, ms
 */
export function shrinkage(
  { before, limitPercent, consent }: ShrinkRule,
  given: Given,
  now: number,
): Shrinkage {
  const agreed = new Set(consent);
  const isLost = ({ sha256 }: { readonly sha256: string }): boolean =>
    !given.anchors.has(sha256) && !agreed.has(sha256);
  const unasked = before.anchors.filter(
    ({ anchor, source }) => isLost(anchor) && !given.authorities.has(source),
  );
  // What is withheld stays so: it must not leave because of what has joined the bundle since.
  const [earlier, fresh] = [unasked.filter(isWithheld), unasked.filter((one) => !isWithheld(one))];
  const unseen = before.unseen.filter(isLost);
  const leaving = [...fresh.map(({ anchor: { sha256 }, since }) => ({ sha256, since })), ...unseen].map(
    (one) => ({ ...one, at: now }),
  );
  const again = new Set(leaving.map(({ sha256 }) => sha256));
  const left = recentRemovals(before.removals, now).filter((one) => isLost(one) && !again.has(one.sha256));
  const stood = [...before.anchors.filter((one) => !isWithheld(one)), ...before.unseen, ...left];
  const isSmall = leaving.length === 0 || isWithinLimit([...left, ...leaving], stood, limitPercent, now);
  return {
    withheld: (isSmall ? earlier : unasked).map(({ anchor }) => anchor),
    blind: !isSmall && unseen.length > 0,
    removals: (isSmall ? [...left, ...leaving] : left).slice(-MAX_REMOVALS),
  };
}

function isWithheld({ withheld }: Published): boolean {
  return withheld;
}

/** Whether it is an authority of ours: its own rules say when a root leaves. */
export function isOurs(source: string): boolean {
  return source.startsWith('authority/');
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
