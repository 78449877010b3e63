import { isHolding, type Placement } from '#bundles/target/placement.ts';
import type { MangroveError } from '#errors/error.ts';

export interface PlacementFailure {
  readonly namespace: string;
  readonly error: MangroveError;
}

/** What is still there of one target. */
export interface Leftover {
  readonly namespace: string;
  /** Why it could not be taken away yet. */
  readonly error: MangroveError | undefined;
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
  const failures = failuresOf(counted);
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

/** Of what is to go: as many as are left, and why. */
export function leftoverSummary(left: readonly Leftover[]): PlacementSummary {
  const failures = failuresOf(left);
  return {
    namespaces: left.length,
    holding: 0,
    failing: failures.length,
    pending: left.length - failures.length,
    failures: failures.slice(0, mostFailures),
    verifiedAt: undefined,
  };
}

function failuresOf(places: readonly Leftover[]): PlacementFailure[] {
  return places
    .flatMap(({ namespace, error }) => (error === undefined ? [] : [{ namespace, error }]))
    .toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1));
}
