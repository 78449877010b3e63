/** A root that left a bundle, or would, without anybody having agreed to it. Times are wall clock, ms. */
export interface Removal {
  /** Its fingerprint. */
  readonly sha256: string;
  /** When it had joined the bundle; 0 when that is not known. */
  readonly since: number;
  readonly at: number;
}

/** What left within this time counts together, so that small steps are no way around the limit. */
export const SHRINK_WINDOW_MS = 24 * 3_600_000;

/** The status has room for so many; when more would leave within the time, they stay. */
export const MAX_REMOVALS = 1024;

/** Those that still count at that moment, the newest last. */
export function recentRemovals(removals: readonly Removal[], now: number): Removal[] {
  return removals.filter(({ at }) => at > now - SHRINK_WINDOW_MS).toSorted((a, b) => a.at - b.at);
}

/** When a root joined. */
type Joined = Pick<Removal, 'since'>;

/**
 * Whether so much may be lost: of what stood at the beginning of the window, for what has joined since must not make a loss of the
 * older roots look small; and of all that stood within it, for most of a bundle may be younger than that.
 */
export function isWithinLimit(
  lost: readonly Joined[],
  stood: readonly Joined[],
  limitPercent: number,
  now: number,
): boolean {
  const isOld = ({ since }: Joined): boolean => since <= now - SHRINK_WINDOW_MS;
  const fits = (few: readonly Joined[], of: readonly Joined[]): boolean =>
    few.length * 100 <= of.length * limitPercent;
  if (limitPercent < 100 && lost.length > MAX_REMOVALS) return false;
  return fits(lost, stood) && fits(lost.filter(isOld), stood.filter(isOld));
}
