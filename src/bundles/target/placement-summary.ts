import { isHolding, type Placement } from '#bundles/target/placement.ts';
import type { MangroveError } from '#errors/error.ts';

export interface PlacementFailure {
  readonly namespace: string;
  readonly error: MangroveError;
}

/** What is true of all placements of one target. */
export interface PlacementSummary {
  /** Selected, and not going away. */
  readonly namespaces: number;
  readonly holding: number;
  readonly failing: number;
  /** Neither: not written or not read back yet. */
  readonly pending: number;
  /** The first of them, in order of their namespaces. */
  readonly failures: readonly PlacementFailure[];
  /** When the one that was not seen for the longest time was seen to hold the bundle: wall clock, ms. */
  readonly verifiedAt: number | undefined;
}

const mostFailures = 16;

/**
 * @param digest of the wish; undefined when there is none, and nothing holds it
 * @param seenAt when a placement that holds it was last seen to
 */
export function summaryOf(
  placements: Iterable<Placement>,
  digest: string | undefined,
  seenAt: (placement: Placement) => number,
): PlacementSummary {
  const counted = [...placements].filter(({ leaving }) => !leaving);
  const holding = counted.filter((placement) => digest !== undefined && isHolding(placement, digest));
  const failures = counted
    .flatMap(({ namespace, error }) => (error === undefined ? [] : [{ namespace, error }]))
    .toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1));
  const verifiedAt = holding.reduce(
    (oldest, placement) => Math.min(oldest, seenAt(placement)),
    Number.POSITIVE_INFINITY,
  );
  return {
    namespaces: counted.length,
    holding: holding.length,
    failing: failures.length,
    pending: counted.length - holding.length - failures.length,
    failures: failures.slice(0, mostFailures),
    verifiedAt: holding.length === 0 ? undefined : verifiedAt,
  };
}
