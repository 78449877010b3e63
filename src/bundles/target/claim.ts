/** One TrustBundle's wish to write one target. */
export interface Claim {
  /** Identity of the target, such as `ClusterTrustBundle/mangrove.dev:workload:east.test`. */
  readonly target: string;
  /** Name of the TrustBundle. */
  readonly bundle: string;
  /** creationTimestamp, RFC 3339 as the API server writes it: whole seconds in UTC, so it sorts as text. */
  readonly createdAt: string;
}

export interface Verdict {
  /** The TrustBundle that publishes. */
  readonly winner: string;
  /** All the others that claim the same target, in order of age. */
  readonly losers: readonly string[];
}

/**
 * Decides every claimed target: the oldest TrustBundle wins, and of two created in the same second the one whose name
 * sorts first. A pure function of the set, so that two replicas agree without talking.
 */
export function arbitrate(claims: Iterable<Claim>): ReadonlyMap<string, Verdict> {
  const byTarget = Map.groupBy(claims, (claim) => claim.target);
  return new Map([...byTarget].map(([target, rivals]) => [target, verdict(rivals)]));
}

function verdict(rivals: readonly Claim[]): Verdict {
  const [winner = '', ...losers] = [...new Set(rivals.toSorted(byAge).map((claim) => claim.bundle))];
  return { winner, losers };
}

function byAge(a: Claim, b: Claim): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.bundle < b.bundle ? -1 : 1;
}
