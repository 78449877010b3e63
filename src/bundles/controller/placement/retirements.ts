import { targetFailure } from '#bundles/controller/failure.ts';
import type { Landings } from '#bundles/controller/landings.ts';
import { createRemains, type Remains } from '#bundles/controller/placement/remains.ts';
import type { Removals, RemovalWish, TargetKey } from '#bundles/controller/placement/removals.ts';
import type { PlacementWatches } from '#bundles/controller/placement/watches.ts';
import { appearing, leaving } from '#bundles/controller/retired-target.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import { isPlacementKind, kindNames, type PlacementKind, targetId } from '#bundles/target/named-target.ts';
import { type Leftover, leftoverSummary } from '#bundles/target/placement-summary.ts';
import type { MangroveError } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';

/** A target in many namespaces, by its identity. */
export type PlacedKey = TargetKey & { readonly kind: PlacementKind };

export interface RetirementsOptions {
  readonly client: Pick<KubeClient, 'list'>;
  readonly watches: PlacementWatches;
  readonly removals: Removals;
  readonly landings: Pick<Landings, 'isAwaited'>;
  /** What was asked for a moment ago may be on its way to the server. */
  readonly isUnderWay: (owner: string, target: PlacedKey) => boolean;
}

/** Targets in many namespaces that are to go as a whole, and how far that is. */
export interface Retirements extends Pick<Remains, 'doubt' | 'forget'> {
  /**
   * Gone is what neither the watch nor the API server itself shows, and what is not on its way there any more; of that nothing is told.
   * Never throws.
   */
  remove(wish: RemovalWish, signal: AbortSignal): Promise<TargetReport[]>;
}

/** Of what the watch does not show: nobody hears when it is over. */
const unseenMs = 2_000;

export function createRetirements(options: RetirementsOptions): Retirements {
  const { watches, removals, landings, isUnderWay } = options;
  const remains = createRemains(options.client);
  /** TrustBundles of which something may have appeared since they were looked at. */
  const awaited = new Set<string>();

  function forget(owner?: string): void {
    removals.forget(owner);
    remains.forget(owner);
  }

  /** What was seen not to stand counts only once nothing can appear any more. */
  function noteAwaited(owner: string): void {
    if (landings.isAwaited(owner)) awaited.add(owner);
    else if (awaited.delete(owner)) forget(owner);
  }

  /** By what is known here. */
  function known(
    target: PlacedKey,
    found: readonly Leftover[],
    { owner, isWritten }: RemovalWish,
  ): TargetReport | undefined {
    const doubt = watches.doubt(target.kind);
    if (doubt?.code === 'BUNDLE_TARGET_FORBIDDEN' && !isWritten(target.kind)) return undefined;
    if (found.length > 0) return leftover(target, found, doubt);
    if (isUnderWay(owner, target)) return { ...leaving(target, doubt), retryMs: unseenMs };
    if (doubt !== undefined) return leaving(target, doubt);
    const mayAppear = isWritten(target.kind) && awaited.has(owner);
    return mayAppear ? { ...appearing(target), retryMs: unseenMs } : undefined;
  }

  /** By what the API server says of targets of which nothing is known here to be left. */
  async function unknown(
    targets: readonly PlacedKey[],
    owner: string,
    signal: AbortSignal,
  ): Promise<TargetReport[]> {
    if (targets.length === 0) return [];
    try {
      const left = await remains.of(owner, targets, signal);
      return targets.flatMap((target) => {
        const found = left.get(targetId(target));
        return found === undefined ? [] : [{ ...leftover(target, found), retryMs: unseenMs }];
      });
    } catch (error) {
      return targets.map((target) => {
        const failure = targetFailure(`${kindNames[target.kind]} ${target.name}`, error);
        return { ...leaving(target, failure), retryMs: unseenMs };
      });
    }
  }

  return {
    async remove(wish, signal) {
      noteAwaited(wish.owner);
      const left = wish.left.flatMap(({ kind, name }) => (isPlacementKind(kind) ? [{ kind, name }] : []));
      for (const { kind } of left) watches.start(kind);
      const found = removals.take({ ...wish, left });
      const reports = left.map((target) => known(target, found.get(targetId(target)) ?? [], wish));
      // Secrets cannot be listed: each was asked for by its name.
      const unseen = left.filter(
        ({ kind }, index) => kind === 'configMap' && reports[index] === undefined && wish.isWritten(kind),
      );
      const rest = await unknown(remains.doubtful(wish.owner, unseen), wish.owner, signal);
      return [...reports.filter((report) => report !== undefined), ...rest];
    },
    doubt: (key) => remains.doubt(key),
    forget,
  };
}

function leftover(target: TargetKey, found: readonly Leftover[], doubt?: MangroveError): TargetReport {
  const placements = leftoverSummary(found);
  return { ...leaving(target, placements.failures[0]?.error ?? doubt), placements };
}
