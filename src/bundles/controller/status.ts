import { isDeepStrictEqual } from 'node:util';
import type { Anchor } from '#bundles/bundle/anchor.ts';
import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import { promotionTold, type Told } from '#bundles/controller/promotion-status.ts';
import { type SourceFindings, sourcesStatus } from '#bundles/controller/source-status.ts';
import { isFailing, type TargetReport } from '#bundles/controller/target-report.ts';
import { targetStatus } from '#bundles/controller/target-status.ts';
import { withheldError } from '#bundles/source/shrink.ts';
import type { Channels } from '#bundles/target/channels.ts';
import { kindNames } from '#bundles/target/named-target.ts';
import type { PlacementSummary } from '#bundles/target/placement-summary.ts';
import { advice, errorRow } from '#errors/error.ts';
import { findCondition, setCondition } from '#kube/condition.ts';
import { formatTime } from '#kube/micro-time.ts';
import type { Condition } from '#kube/object.ts';

/** What one reconcile found; the specification itself may be what is wrong. */
export type Findings =
  | (SourceFindings & {
      readonly channels: Channels;
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

/** The status that tells what was found, with what is still true of the one before. */
export function trustBundleStatus(findings: Findings, context: StatusContext): TrustBundleStatus {
  const { before, generation } = context;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  if ('invalid' in findings) return { ...before, ...observed, conditions: conditions(findings, context) };
  const { assembly, channels, targets } = findings;
  const hash = assembly.bundle?.sha256 ?? before?.hash;
  const { promoted } = channels;
  return {
    ...observed,
    ...(hash !== undefined && { hash }),
    ...sourcesStatus(findings, before, context.now),
    targets: targets.map((target) => targetStatus(target, before, context.now)),
    ...(promoted !== undefined && { promoted }),
    conditions: conditions(findings, context),
  };
}

/** The status of one that is being deleted: it waits for these targets. */
export function endingStatus(left: readonly TargetReport[], context: StatusContext): TrustBundleStatus {
  const { before, generation, now } = context;
  const first = left.find(({ error }) => error?.code !== 'BUNDLE_TARGET_LEAVING') ?? left[0];
  const others = left.length > 1 ? ` (${left.length} targets are left)` : '';
  const more = `${refusals(first?.placements)}${others}${whileEnding}`;
  const told = ['Published', 'Ready'].map((type) => failed(type, first?.error, more));
  return {
    ...before,
    ...(generation !== undefined && { observedGeneration: generation }),
    targets: left.map((target) => targetStatus(target, before, now)),
    conditions: conditionsWith(told, knownConditions(before), context),
  };
}

const whileEnding =
  ' The TrustBundle is being deleted and waits for what it published to be gone; with spec.deletionPolicy Retain it waits no more, and what is left stays.';

function knownConditions(before: TrustBundleStatus | undefined): readonly Condition[] {
  return (before?.conditions ?? []).map(({ observedGeneration, ...rest }) => ({
    ...rest,
    ...(observedGeneration !== undefined && { observedGeneration }),
  }));
}

function conditions(findings: Findings, context: StatusContext): Condition[] {
  const known = knownConditions(context.before);
  const told = [
    published(findings),
    ready(findings),
    ...conflicted(findings, known),
    ...('invalid' in findings ? [] : promotionTold(findings.channels, known)),
  ];
  return conditionsWith(told, known, context);
}

function conditionsWith(
  told: readonly Told[],
  known: readonly Condition[],
  { generation, now }: StatusContext,
): Condition[] {
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
  const failing = targets.filter(isFailing);
  if (failing.length > 0) {
    const [first] = failing;
    const others = failing.length === 1 ? '' : ` (${failing.length} of ${targets.length} targets fail)`;
    return failed('Published', first?.error, `${refusals(first?.placements)}${others}${standsIn(targets)}`);
  }
  const holding = targets.filter(({ coveredBy }) => coveredBy === undefined).length;
  const count = holding === 1 ? 'The target holds' : `All ${holding} targets hold`;
  const message = `${count} the bundle.${standsIn(targets)}`;
  return { type: 'Published', status: 'True', reason: 'Published', message };
}

function standsIn(targets: readonly TargetReport[]): string {
  const covered = targets.filter(({ coveredBy }) => coveredBy !== undefined);
  const [first] = covered;
  if (first === undefined) return '';
  const names = covered.map(({ kind, name }) => `${kindNames[kind]} ${name}`).join(', ');
  return ` ${first.coveredBy} stands for ${names}, for the API server serves no ClusterTrustBundles.`;
}

function refusals(placements: PlacementSummary | undefined): string {
  if (placements === undefined || placements.failing === 0) return '';
  return ` (${placements.failing} of ${placements.namespaces} namespaces)`;
}

function ready(findings: Findings): Told {
  const unpublished = published(findings);
  if ('invalid' in findings || unpublished.status !== 'True') return { ...unpublished, type: 'Ready' };
  const { readings, assembly, channels, consentError } = findings;
  const mistake = consentError === undefined ? '' : ` ${advice(consentError)}`;
  const bad = readings.find((reading) => reading.error !== undefined);
  if (bad !== undefined)
    return failed('Ready', bad.error, ` Source ${bad.name} keeps its last good content.${mistake}`);
  if (assembly.bundle === undefined) return failed('Ready', assembly.error, mistake);
  const withheld = withheldError(assembly.withheld);
  if (withheld !== undefined) return failed('Ready', withheld, mistake);
  const out = [...leftOut('expired', assembly.expired), ...leftOut('not yet valid', assembly.early)].join('');
  const count = channels.live.bundle?.anchors.length ?? assembly.bundle.anchors.length;
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
