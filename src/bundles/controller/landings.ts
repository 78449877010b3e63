/**
 * So long after it was sent a create may still be made: our client waits 30 s for an answer and an API server works on one for 34; the
 * rest is for whatever stands between them.
 */
export const defaultLandingMs = 75_000;

export interface LandingsOptions {
  readonly landingMs: number;
  /** Monotonic ms. */
  readonly now: () => number;
  /** As the API server tells it: wall clock, ms. */
  readonly wall: () => number;
  /** Of a TrustBundle, by the same clock. */
  readonly createdAt: (owner: string) => number | undefined;
}

/**
 * Creates that nobody waits for any more and that may still be made: their answers were lost, or whoever led before has sent them. What
 * they make appears after a look that found nothing; a write with a version could not do that.
 */
export interface Landings {
  /** The answer to a create for that TrustBundle was lost. */
  lost(owner: string): void;
  /** This process leads from now on, and another one may have written until now. */
  begin(): void;
  /** Something of that TrustBundle may still appear. */
  isAwaited(owner: string): boolean;
}

export function createLandings({ landingMs, now, wall, createdAt }: LandingsOptions): Landings {
  /** TrustBundle → monotonic ms until which a create of this process may be made. */
  const own = new Map<string, number>();
  let began = { at: now(), wall: wall() };

  /** Of what appeared since this process leads nobody else has written. */
  function isInherited(owner: string): boolean {
    if (now() >= began.at + landingMs) return false;
    return (createdAt(owner) ?? Number.NEGATIVE_INFINITY) <= began.wall;
  }

  return {
    lost(owner) {
      own.set(owner, now() + landingMs);
    },
    begin() {
      began = { at: now(), wall: wall() };
    },
    isAwaited(owner) {
      const until = own.get(owner);
      if (until !== undefined && now() < until) return true;
      own.delete(owner);
      return isInherited(owner);
    },
  };
}
