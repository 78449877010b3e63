import { isDeepStrictEqual } from 'node:util';
import type { Anchor } from '#bundles/bundle/anchor.ts';
import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import { type SourceFindings, sourcesStatus } from '#bundles/controller/source-status.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import { withheldError } from '#bundles/source/shrink.ts';
import { kindNames } from '#bundles/target/named-target.ts';
import type { PlacementSummary } from '#bundles/target/placement-summary.ts';
import { advice, errorRow } from '#errors/error.ts';
import { findCondition, setCondition } from '#kube/condition.ts';
import { formatTime } from '#kube/micro-time.ts';
import type { Condition } from '#kube/object.ts';

/** What one reconcile found; the specification itself may be what is wrong. */
export type Findings =
  | (SourceFindings & {
      readonly targets: readonly TargetReport[];
      /** Fingerprints of roots of the bundle that an operator agreed to lose. */
      readonly consented: readonly string[];
      /** Of a consent that names something else. */
      readonly consentError: unknown;
      /** How soon to look again at sources that tell nobody of their changes; ms. */
      readonly pollMs: number;
    })
  | { readonly invalid: unknown };

export interface StatusContext {
  readonly before: TrustBundleStatus | undefined;
  readonly generation: number | undefined;
  /** Wall clock, ms. */
  readonly now: number;
}

/** Limit of the CRD. */
const MAX_ERROR = 4096;
const MAX_PLACEMENT_ERROR = 512;

/** The status that tells what was found, with what is still true of the one before. */
export function trustBundleStatus(findings: Findings, context: StatusContext): TrustBundleStatus {
  const { before, generation } = context;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  if ('invalid' in findings) return { ...before, ...observed, conditions: conditions(findings, context) };
  const { assembly, targets } = findings;
  const hash = assembly.bundle?.sha256 ?? before?.hash;
  return {
    ...observed,
    ...(hash !== undefined && { hash }),
    ...sourcesStatus(findings, before, context.now),
    targets: targets.map(targetStatus),
    conditions: conditions(findings, context),
  };
}

function targetStatus(report: TargetReport): NonNullable<TrustBundleStatus['targets']>[number] {
  const { kind, name, apiVersion, hash, verifiedAt, error, placements } = report;
  return {
    kind,
    name,
    ...(apiVersion !== undefined && { apiVersion }),
    ...(hash !== undefined && { hash }),
    ...(verifiedAt !== undefined && { lastVerifiedTime: formatTime(verifiedAt) }),
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
function errorText(error: unknown): string {
  return advice(error).slice(0, MAX_ERROR);
}

type Told = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

function conditions(findings: Findings, { before, generation, now }: StatusContext): Condition[] {
  const known: readonly Condition[] = (before?.conditions ?? []).map(({ observedGeneration, ...rest }) => ({
    ...rest,
    ...(observedGeneration !== undefined && { observedGeneration }),
  }));
  const told = [published(findings), ready(findings), ...conflicted(findings, known)];
  return told.reduce<Condition[]>(
    (conditions, one) =>
      setCondition(
        conditions,
        { ...one, ...(generation !== undefined && { observedGeneration: generation }) },
        formatTime(now),
      ),
    [...known],
  );
}

function published(findings: Findings): Told {
  if ('invalid' in findings) return failed('Published', findings.invalid);
  const { targets } = findings;
  const failing = targets.filter((target) => target.error !== undefined);
  if (failing.length > 0) {
    const [first] = failing;
    const others = failing.length === 1 ? '' : ` (${failing.length} of ${targets.length} targets fail)`;
    return failed('Published', first?.error, `${refusals(first?.placements)}${others}`);
  }
  const count = targets.length === 1 ? 'The target holds' : `All ${targets.length} targets hold`;
  return { type: 'Published', status: 'True', reason: 'Published', message: `${count} the bundle.` };
}

function refusals(placements: PlacementSummary | undefined): string {
  if (placements === undefined || placements.failing === 0) return '';
  return ` (${placements.failing} of ${placements.namespaces} namespaces)`;
}

function ready(findings: Findings): Told {
  const unpublished = published(findings);
  if ('invalid' in findings || unpublished.status !== 'True') return { ...unpublished, type: 'Ready' };
  const { readings, assembly, consentError } = findings;
  const mistake = consentError === undefined ? '' : ` ${advice(consentError)}`;
  const bad = readings.find((reading) => reading.error !== undefined);
  if (bad !== undefined)
    return failed('Ready', bad.error, ` Source ${bad.name} keeps its last good content.${mistake}`);
  const withheld = withheldError(assembly.withheld);
  if (withheld !== undefined) return failed('Ready', withheld, mistake);
  const out = [...leftOut('expired', assembly.expired), ...leftOut('not yet valid', assembly.early)].join('');
  const count = assembly.bundle?.anchors.length ?? 0;
  const message = `${count} ${count === 1 ? 'root is' : 'roots are'} published.${out}${mistake}`;
  return { type: 'Ready', status: 'True', reason: 'Published', message };
}

function leftOut(why: string, anchors: readonly Anchor[]): string[] {
  return anchors.length === 0
    ? []
    : [` Left out because ${why}: ${anchors.map(({ sha256 }) => sha256.slice(0, 8)).join(', ')}.`];
}

/** Both the winner and the losers of a claim say so; once it is settled the condition says that too. */
function conflicted(findings: Findings, known: readonly Condition[]): Told[] {
  if ('invalid' in findings) return [];
  const rivalled = findings.targets.filter((target) => target.rivals.length > 0);
  if (rivalled.length === 0) {
    if (findCondition(known, 'Conflicted') === undefined) return [];
    const message = 'No other TrustBundle names a target of this one.';
    return [{ type: 'Conflicted', status: 'False', reason: 'NoConflict', message }];
  }
  const message = rivalled
    .map(
      ({ kind, name, rivals }) =>
        `${kindNames[kind]} ${name} is also named by TrustBundle ${rivals.join(', ')}`,
    )
    .join('; ');
  return [
    {
      type: 'Conflicted',
      status: 'True',
      reason: 'TargetConflicted',
      message: `${message}. The oldest TrustBundle publishes it.`,
    },
  ];
}

function failed(type: string, error: unknown, more = ''): Told {
  return { type, status: 'False', reason: errorRow(error).reason, message: `${advice(error)}${more}` };
}

/**
 * Whether the status says anything new, or its times have fallen behind by `refreshMs`: a reconcile that finds nothing new
 * writes nothing.
 */
export function needsWrite(
  before: TrustBundleStatus | undefined,
  after: TrustBundleStatus,
  refreshMs: number,
): boolean {
  if (before === undefined || !isDeepStrictEqual(timeless(before), timeless(after))) return true;
  const [then, now] = [newestTime(before), newestTime(after)];
  return then !== undefined && now !== undefined && Math.abs(now - then) >= refreshMs;
}

/** The status without the times that move by themselves. */
function timeless(status: TrustBundleStatus): unknown {
  return {
    ...status,
    sources: status.sources?.map(({ lastGoodTime, ...rest }) => ({
      ...rest,
      seen: lastGoodTime !== undefined,
    })),
    targets: status.targets?.map(({ lastVerifiedTime, ...rest }) => ({
      ...rest,
      seen: lastVerifiedTime !== undefined,
    })),
  };
}

function newestTime({ targets = [], sources = [] }: TrustBundleStatus): number | undefined {
  const times = [...targets.map((one) => one.lastVerifiedTime), ...sources.map((one) => one.lastGoodTime)]
    .filter((time) => time !== undefined)
    .map((time) => Date.parse(time));
  return times.length === 0 ? undefined : Math.max(...times);
}
