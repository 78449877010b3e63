import { holdMs } from '#bundles/controller/placement/hold.ts';
import type { OpenOrder } from '#bundles/controller/placement/order.ts';
import type { PlacementWatches } from '#bundles/controller/placement/watches.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import { kindNames } from '#bundles/target/named-target.ts';
import type { Placement } from '#bundles/target/placement.ts';
import { type PlacementSummary, summaryOf } from '#bundles/target/placement-summary.ts';
import { MangroveError } from '#errors/error.ts';
import type { Clock } from '#kube/clock.ts';

/** How a target in many namespaces is, by what the watches show at this moment and what was read. */
export function placementReport(open: OpenOrder, watches: PlacementWatches, clock: Clock): TargetReport {
  const { order, rivals, unread } = open;
  const { desired, problem, target } = order;
  const seenAt = (placement: Placement): number => verifiedAt(open, placement, watches, clock);
  const summary = summaryOf(open.placements.values(), desired?.digest, seenAt);
  const { namespaces, holding, failures } = summary;
  const all = namespaces > 0 && holding === namespaces;
  return {
    kind: target.kind,
    name: target.name,
    apiVersion: 'v1',
    hash: all ? desired?.rendered.bundle.sha256 : undefined,
    verifiedAt: wholeVerifiedAt(open, summary),
    error:
      problem ??
      watches.trouble(target.kind) ??
      unread ??
      failures[0]?.error ??
      pendingError(open.order, summary),
    rivals: [...rivals],
    written: undefined,
    changed: [],
    retryMs: holdMs(open, clock.monotonic()),
    fallback: target.fallback,
    placements: summary,
    unread: unread !== undefined,
  };
}

/** What the watch shows at the version that was read back is seen now; else, when it was read. */
function verifiedAt(
  { order: { target } }: OpenOrder,
  { namespace, version, verifiedAt: readAt = 0 }: Placement,
  watches: PlacementWatches,
  clock: Clock,
): number {
  const observed = watches.observed(target.kind, namespace, target.name);
  const isShown = typeof observed !== 'string' && observed.version === version;
  return isShown ? clock.wall() : readAt;
}

/** While nothing can be read back the target as a whole is not seen, whatever some of its namespaces were seen to hold before. */
function wholeVerifiedAt(open: OpenOrder, { verifiedAt }: PlacementSummary): number | undefined {
  if (open.unread !== undefined) return open.verifiedAt;
  open.verifiedAt = verifiedAt ?? open.verifiedAt;
  return verifiedAt;
}

function pendingError(
  { target }: OpenOrder['order'],
  { pending, holding, namespaces }: PlacementSummary,
): MangroveError | undefined {
  if (pending === 0) return undefined;
  const what = `${kindNames[target.kind]} ${target.name}`;
  return new MangroveError(
    'BUNDLE_TARGET_PENDING',
    `${what}: ${holding} of ${namespaces} namespaces were seen to hold the bundle`,
  );
}
