import type { NamedTarget } from '#bundles/target/named-target.ts';
import type { PlacementSummary } from '#bundles/target/placement-summary.ts';
import type { MangroveError } from '#errors/error.ts';

/** How one target is, after one look at it. */
export interface TargetReport {
  readonly kind: NamedTarget['kind'];
  readonly name: string;
  readonly apiVersion: string | undefined;
  /** Of the bundle that was read back from it. */
  readonly hash: string | undefined;
  /** Wall clock, ms. */
  readonly verifiedAt: number | undefined;
  readonly error: MangroveError | undefined;
  /** Another target holds the bundle in its place, so that nothing waits for this one: kind and name in words. */
  readonly coveredBy?: string;
  readonly rivals: readonly string[];
  /** Undefined when nothing was written now. */
  readonly written: 'created' | 'updated' | 'repaired' | undefined;
  /** What was put right, in words. */
  readonly changed: readonly string[];
  /** Ms until it should be looked at again; undefined when nothing is waiting. */
  readonly retryMs: number | undefined;
  /** As the target says of itself. */
  readonly fallback?: true | undefined;
  /** Of a target in many namespaces. */
  readonly placements?: PlacementSummary;
  /** What was written there cannot be read back, so that nobody knows what they hold. */
  readonly unread?: boolean;
}

/** It does not hold the bundle, and nothing stands in its place. */
export function isFailing({ error, coveredBy }: TargetReport): boolean {
  return error !== undefined && coveredBy === undefined;
}

/** Of a target of which nothing is known. */
export function unseenTarget({ kind, name }: Pick<NamedTarget, 'kind' | 'name'>): TargetReport {
  return {
    kind,
    name,
    apiVersion: undefined,
    hash: undefined,
    verifiedAt: undefined,
    error: undefined,
    rivals: [],
    written: undefined,
    changed: [],
    retryMs: undefined,
  };
}
