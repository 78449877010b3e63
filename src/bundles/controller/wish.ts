import type { Bundle } from '#bundles/bundle/bundle.ts';
import { targetFailure } from '#bundles/controller/failure.ts';
import type { Pace, TargetMemory } from '#bundles/controller/target-memory.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import type { Verdict } from '#bundles/target/claim.ts';
import { MangroveError } from '#errors/error.ts';

/** What a TrustBundle wishes one ClusterTrustBundle or one file to hold. */
export interface Wish {
  /** Name of the TrustBundle. */
  readonly owner: string;
  /** Undefined: there is nothing to publish, and what the target holds stays. */
  readonly bundle: Bundle | undefined;
  /** Why there is nothing to publish. */
  readonly bundleError: unknown;
  /** A source is unread: nothing may leave the target. */
  readonly growOnly: boolean;
  readonly verdict: Verdict;
}

/**
 * The bundle that is to be published there.
 * @param what the target in words
 * @throws MangroveError BUNDLE_TARGET_CONFLICTED, and why there is nothing to publish
 */
export function requireBundle(what: string, { owner, bundle, bundleError, verdict }: Wish): Bundle {
  if (verdict.winner !== owner) {
    throw new MangroveError(
      'BUNDLE_TARGET_CONFLICTED',
      `${what} is published by the older TrustBundle ${verdict.winner}`,
    );
  }
  if (bundle === undefined) throw targetFailure(what, bundleError);
  return bundle;
}

/** What is told of a target after an attempt, whatever it is. */
export function rememberedReport(
  { owner, verdict }: Wish,
  { hash, verifiedAt, error, notBefore }: TargetMemory,
  { clock }: Pick<Pace, 'clock'>,
): Pick<TargetReport, 'hash' | 'verifiedAt' | 'error' | 'rivals' | 'retryMs'> {
  const waitMs = notBefore - clock.monotonic();
  return {
    hash,
    verifiedAt,
    error,
    rivals: [verdict.winner, ...verdict.losers].filter((rival) => rival !== owner),
    retryMs: waitMs > 0 ? waitMs : undefined,
  };
}
