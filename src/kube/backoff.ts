export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Delay before the next try after `failures` failures in a row (from 1): doubled each time up to the maximum, then somewhere in
 * its upper half, so that many who failed together do not come back together and nobody waits longer than `maxMs`.
 */
export function backoffDelay(failures: number, { baseMs, maxMs }: Backoff, random: () => number): number {
  // 2 ** 1024 is Infinity, and Infinity × 0 would be NaN.
  const doublings = Math.min(Math.max(failures - 1, 0), 52);
  return jittered(Math.min(baseMs * 2 ** doublings, maxMs), random);
}

/** Somewhere in the upper half of `ms`. */
export function jittered(ms: number, random: () => number): number {
  return ms * (0.5 + random() / 2);
}

/** At least `ms`, at most half as much again: those who were told the same time must not come back in the same instant. */
export function spread(ms: number, random: () => number): number {
  return ms * (1 + random() / 2);
}
