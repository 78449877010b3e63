import type { Anchor } from '#bundles/bundle/anchor.ts';
import type { SourceContent, SourceTerms } from '#bundles/source/source.ts';
import { MangroveError } from '#errors/error.ts';

type Filter = Pick<SourceTerms, 'include' | 'exclude'>;

/** Whether the terms of a source let a root through. */
export function isPermitted({ include, exclude }: Filter, { sha256 }: Anchor): boolean {
  return (include?.includes(sha256) ?? true) && exclude?.includes(sha256) !== true;
}

/**
 * What of a source's content its terms let through.
 * @throws MangroveError BUNDLE_SOURCE_FILTERED when none of its roots is one of those that are included
 */
export function filtered(source: string, { anchors, note }: SourceContent, filter: Filter): SourceContent {
  const kept = anchors.filter((anchor) => isPermitted(filter, anchor));
  if (kept.length === 0 && anchors.length > 0 && filter.include !== undefined) {
    throw new MangroveError(
      'BUNDLE_SOURCE_FILTERED',
      `${source}: none of the roots that include names is among its ${anchors.length}`,
    );
  }
  const held = new Set(anchors.map(({ sha256 }) => sha256));
  const missing = [...(filter.include ?? []), ...(filter.exclude ?? [])].filter(
    (sha256) => !held.has(sha256),
  );
  const notes = [
    note,
    kept.length === 0 && anchors.length > 0 ? 'all of its roots are excluded' : undefined,
    missing.length > 0 ? `not among its roots: ${shortened(missing)}` : undefined,
  ];
  return { anchors: kept, note: notes.filter((one) => one !== undefined).join('; ') || undefined };
}

/**
 * What of a source's earlier content still stands: an excluded root leaves even while the source cannot be read. An include that
 * fits none of it is a mistake in a fingerprint, which ends nobody's trust.
 */
export function stillPermitted(anchors: readonly Anchor[], filter: Filter): readonly Anchor[] {
  const kept = anchors.filter((anchor) => isPermitted(filter, anchor));
  return kept.length === 0 && filter.include !== undefined ? anchors : kept;
}

/** The first digits of each, and how many more there are. */
export function shortened(fingerprints: readonly string[], most = 16): string {
  const named = fingerprints.slice(0, most).map((sha256) => sha256.slice(0, 8));
  const more = fingerprints.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}
