import { type Anchor, admission } from '#bundles/bundle/anchor.ts';
import { type Bundle, makeBundle } from '#bundles/bundle/bundle.ts';
import type { SourceReading } from '#bundles/source/memory.ts';
import type { Removal } from '#bundles/source/removal.ts';
import { isOurs, type ShrinkRule, shrinkage } from '#bundles/source/shrink.ts';

/** One bundle made from the readings of its sources at one instant. */
export interface Assembly {
  /** Undefined when there is nothing that may be published; then `error` says why. */
  readonly bundle: Bundle | undefined;
  /** MangroveError BUNDLE_EMPTY, BUNDLE_TOO_LARGE, BUNDLE_ANCHOR_FOREIGN */
  readonly error: unknown;
  /** Left out because their time is over, or has not come. */
  readonly expired: readonly Anchor[];
  readonly early: readonly Anchor[];
  /** In the bundle although no source gives them any more, for nobody agreed to lose so many. */
  readonly withheld: readonly Anchor[];
  /** What has left unasked not long ago once this bundle is published. */
  readonly removals: readonly Removal[];
  /**
   * True when a source was never read since the start, or what must stay is not at hand: some anchors are unknown, so whoever
   * publishes this bundle may add to a target but must not remove from it.
   */
  readonly partial: boolean;
  /** Epoch seconds at which the set changes by itself: the next root to expire, to join or to be let go; Infinity for never. */
  readonly changesAt: number;
}

/** Nothing was published before. */
const unlimited: ShrinkRule = {
  before: { anchors: [], unseen: [], removals: [] },
  limitPercent: 100,
  consent: [],
};

/** Pools what the sources are worth at that second; never throws for what a source holds. */
export function assemble(
  trustDomain: string,
  readings: readonly SourceReading[],
  nowSeconds: number,
  rule: ShrinkRule = unlimited,
): Assembly {
  const given = readings.flatMap((reading) => reading.anchors ?? []);
  const anchors = rule.before.anchors.filter(
    ({ anchor }) => admission(anchor, nowSeconds).state !== 'expired',
  );
  const { withheld, blind, removals } = shrinkage(
    { ...rule, before: { ...rule.before, anchors } },
    { anchors: new Set(given.map(({ sha256 }) => sha256)), authorities: liveAuthorities(readings) },
    nowSeconds * 1000,
  );
  const admitted: Anchor[] = [];
  const expired: Anchor[] = [];
  const early: Anchor[] = [];
  let changesAt = Math.min(
    ...readings.map((reading) => Math.ceil(reading.changesAt / 1000)),
    Number.POSITIVE_INFINITY,
  );
  for (const anchor of [...given, ...withheld]) {
    const verdict = admission(anchor, nowSeconds);
    if (verdict.state === 'expired') {
      expired.push(anchor);
      continue;
    }
    changesAt = Math.min(changesAt, verdict.until);
    (verdict.state === 'admitted' ? admitted : early).push(anchor);
  }
  const partial = blind || readings.some((reading) => reading.anchors === undefined);
  return { ...pool(trustDomain, admitted), expired, early, withheld, removals, partial, changesAt };
}

function liveAuthorities(readings: readonly SourceReading[]): ReadonlySet<string> {
  const live = readings.filter(
    ({ name, anchors = [], error }) => isOurs(name) && error === undefined && anchors.length > 0,
  );
  return new Set(live.map(({ name }) => name));
}

function pool(trustDomain: string, anchors: readonly Anchor[]): Pick<Assembly, 'bundle' | 'error'> {
  try {
    return { bundle: makeBundle(trustDomain, anchors), error: undefined };
  } catch (error) {
    return { bundle: undefined, error };
  }
}
