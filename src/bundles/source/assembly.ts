import { type Anchor, admission } from '#bundles/bundle/anchor.ts';
import { type Bundle, makeBundle } from '#bundles/bundle/bundle.ts';
import type { SourceReading } from '#bundles/source/memory.ts';

/** One bundle made from the readings of its sources at one instant. */
export interface Assembly {
  /** Undefined when there is nothing that may be published; then `error` says why. */
  readonly bundle: Bundle | undefined;
  /** MangroveError BUNDLE_EMPTY, BUNDLE_TOO_LARGE, BUNDLE_ANCHOR_FOREIGN */
  readonly error: unknown;
  /** Left out because their time is over, or has not come. */
  readonly expired: readonly Anchor[];
  readonly early: readonly Anchor[];
  /**
   * True when a source was never read since the start: its anchors are unknown, so whoever publishes this bundle may
   * add to a target but must not remove from it.
   */
  readonly partial: boolean;
  /** Epoch seconds at which the set changes by itself: the next root to expire, to join or to be let go; Infinity for never. */
  readonly changesAt: number;
}

/** Pools what the sources are worth at that second; never throws for what a source holds. */
export function assemble(
  trustDomain: string,
  readings: readonly SourceReading[],
  nowSeconds: number,
): Assembly {
  const admitted: Anchor[] = [];
  const expired: Anchor[] = [];
  const early: Anchor[] = [];
  let changesAt = Math.min(
    ...readings.map((reading) => Math.ceil(reading.changesAt / 1000)),
    Number.POSITIVE_INFINITY,
  );
  for (const anchor of readings.flatMap((reading) => reading.anchors ?? [])) {
    const verdict = admission(anchor, nowSeconds);
    if (verdict.state === 'expired') {
      expired.push(anchor);
      continue;
    }
    changesAt = Math.min(changesAt, verdict.until);
    (verdict.state === 'admitted' ? admitted : early).push(anchor);
  }
  const partial = readings.some((reading) => reading.anchors === undefined);
  return { ...pool(trustDomain, admitted), expired, early, partial, changesAt };
}

function pool(trustDomain: string, anchors: readonly Anchor[]): Pick<Assembly, 'bundle' | 'error'> {
  try {
    return { bundle: makeBundle(trustDomain, anchors), error: undefined };
  } catch (error) {
    return { bundle: undefined, error };
  }
}
