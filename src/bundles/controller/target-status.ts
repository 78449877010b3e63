import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import { toldOf } from '#bundles/target/fallback.ts';
import type { PlacementSummary } from '#bundles/target/placement-summary.ts';
import { advice } from '#errors/error.ts';
import { formatTime } from '#kube/micro-time.ts';

/** Limits of the CRD. */
export const MAX_ERROR = 4096;
const MAX_PLACEMENT_ERROR = 512;

/** One target as last read back, with what stays true of the status before. @param now wall clock, ms */
export function targetStatus(
  report: TargetReport,
  before: TrustBundleStatus | undefined,
  now: number,
): NonNullable<TrustBundleStatus['targets']>[number] {
  const { kind, name, apiVersion, hash, verifiedAt, error, placements } = report;
  const told = toldOf(report, before);
  // It outlives the hash: what once was ours to write is ours to take away.
  const hasFile = kind === 'file' && (hash ?? told?.hash) !== undefined;
  const holds = hasFile || (placements?.holding ?? 0) > 0;
  const first = told?.firstVerifiedTime ?? (holds ? formatTime(now) : undefined);
  return {
    kind,
    name,
    ...(apiVersion !== undefined && { apiVersion }),
    ...(hash !== undefined && { hash }),
    ...(verifiedAt !== undefined && { lastVerifiedTime: formatTime(verifiedAt) }),
    ...(first !== undefined && { firstVerifiedTime: first }),
    ...(report.fallback === true && { fallback: true }),
    ...(error !== undefined && { error: errorText(error) }),
    ...(placements !== undefined && placementStatus(placements)),
  };
}

function placementStatus({ namespaces, holding, failing, failures }: PlacementSummary) {
  const told = failures.map(({ namespace, error }) => ({
    namespace,
    error: errorText(error).slice(0, MAX_PLACEMENT_ERROR),
  }));
  return { namespaces, holding, failing, ...(told.length > 0 && { failures: told }) };
}

/** What is wrong and what to do about it. */
export function errorText(error: unknown): string {
  return advice(error).slice(0, MAX_ERROR);
}
