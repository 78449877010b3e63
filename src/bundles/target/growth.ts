import type { Bundle } from '#bundles/bundle/bundle.ts';
import { MangroveError } from '#errors/error.ts';

/**
 * While a source was never read since the start, what it gave before may be just what would vanish from a target
 * now: nothing shrinks because of a fault on our side.
 * @param what names the target in messages
 * @param held fingerprints of what it holds
 * @throws MangroveError BUNDLE_SOURCE_PENDING
 */
export function requireGrowth(what: string, held: Iterable<string>, { anchors }: Bundle): void {
  const kept = new Set(anchors.map(({ sha256 }) => sha256));
  const lost = [...held].filter((sha256) => !kept.has(sha256));
  if (lost.length === 0) return;
  const names = lost.map((sha256) => sha256.slice(0, 8)).join(', ');
  throw new MangroveError(
    'BUNDLE_SOURCE_PENDING',
    `${what}: a source is not read yet, so anchors ${names} stay and nothing is written`,
  );
}
