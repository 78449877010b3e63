import type { SourceContent, SourceTerms } from '#bundles/source/source.ts';
import { MangroveError } from '#errors/error.ts';

/**
 * What of a source's content its terms let through.
 * @throws MangroveError BUNDLE_SOURCE_FILTERED when nothing is left of something
 */
export function filtered(
  source: string,
  { anchors, note }: SourceContent,
  { include, exclude }: Pick<SourceTerms, 'include' | 'exclude'>,
): SourceContent {
  if (include === undefined && exclude === undefined) return { anchors, note };
  const kept = anchors.filter(
    ({ sha256 }) => (include?.includes(sha256) ?? true) && exclude?.includes(sha256) !== true,
  );
  if (kept.length === 0 && anchors.length > 0) {
    throw new MangroveError(
      'BUNDLE_SOURCE_FILTERED',
      `${source}: none of its ${anchors.length} roots is let through by include or exclude`,
    );
  }
  const held = new Set(anchors.map(({ sha256 }) => sha256));
  const missing = (include ?? []).filter((sha256) => !held.has(sha256));
  const notes = [note, missing.length > 0 ? `not among its roots: ${shortened(missing)}` : undefined];
  return { anchors: kept, note: notes.filter((one) => one !== undefined).join('; ') || undefined };
}

const mostNamed = 16;

/** The first digits of each, and how many more there are. */
export function shortened(fingerprints: readonly string[]): string {
  const named = fingerprints.slice(0, mostNamed).map((sha256) => sha256.slice(0, 8));
  const more = fingerprints.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}
