import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { type TrustBundleCache, type TrustBundleEntry, verdictOn } from '#bundles/controller/entry.ts';
import { settleFile } from '#bundles/controller/file-target.ts';
import {
  deletesTargets,
  type Hold,
  holdOf,
  isKeptFor,
  mayHaveWritten,
} from '#bundles/controller/finalizer.ts';
import { createOrders } from '#bundles/controller/placement/order.ts';
import type { Placements } from '#bundles/controller/placement/placements.ts';
import type { TargetKey } from '#bundles/controller/placement/removals.ts';
import { retire, takenAlong, toldTargets } from '#bundles/controller/retired-target.ts';
import { settleTarget, type TargetTools } from '#bundles/controller/target.ts';
import { hasten, newTargetMemory, type TargetMemory } from '#bundles/controller/target-memory.ts';
import { type TargetReport, unseenTarget } from '#bundles/controller/target-report.ts';
import { type Channels, contentFor, isCanary } from '#bundles/target/channels.ts';
import { fallbackOf, hasHeld, isTold, standIn, toldOf } from '#bundles/target/fallback.ts';
import {
  type ClusterTrustBundleTarget,
  type FileTarget,
  kindNames,
  type NamedTarget,
  type PlacementKind,
  type PlacementTarget,
  targetId,
} from '#bundles/target/named-target.ts';
import { MangroveError } from '#errors/error.ts';

export interface TargetsOptions {
  readonly bundles: TrustBundleCache;
  readonly tools: TargetTools;
  readonly placements: Placements;
  /** Of files. */
  readonly directory: string;
}

/** What is to be published, and for how long one may try. */
export interface Settlement {
  readonly trustDomain: string;
  readonly channels: Pick<Channels, 'canary' | 'live'>;
  readonly signal: AbortSignal;
}

/** All targets of all TrustBundles. */
export interface Targets {
  /**
   * Brings those of one TrustBundle to what they should be, in the order of its specification, and takes away what left it, where its
   * policy says so. No namespace is waited for.
   */
  settle(entry: TrustBundleEntry, settlement: Settlement): Promise<TargetReport[]>;
  /** Of what something could be written, were the TrustBundle held. */
  awaitingHold(owner: string): readonly Hold[];
  /** That ClusterTrustBundle changed, or without a name the API: what failed there may succeed now. */
  hasten(name?: string): void;
  /** Takes away all that it publishes, and tells what is left. */
  end(entry: TrustBundleEntry, signal: AbortSignal): Promise<TargetReport[]>;
  /** What it says cannot be read: what it said before is published no more, and what stands stays. */
  suspend(owner: string): void;
  forget(owner: string): void;
  /** Somebody else leads, or has led: each TrustBundle has to say anew what it wants. */
  forgetAll(): void;
}

export function createTargets({ bundles, tools, placements, directory }: TargetsOptions): Targets {
  /** TrustBundle → ClusterTrustBundle or file → what is remembered of it. */
  const memories = new Map<string, Map<string, TargetMemory>>();
  const orders = createOrders();
  /** TrustBundles that are being deleted and were looked at since. */
  const ending = new Set<string>();

  function memoryOf(owner: string, id: string): TargetMemory {
    const known = memories.get(owner) ?? new Map<string, TargetMemory>();
    const memory = known.get(id) ?? newTargetMemory();
    memories.set(owner, known.set(id, memory));
    return memory;
  }

  function settleOne(
    target: ClusterTrustBundleTarget | FileTarget,
    owner: string,
    { trustDomain, channels, signal }: Settlement,
  ): Promise<TargetReport> {
    const { bundle, error: bundleError, partial: growOnly } = contentFor(target, channels);
    const id = targetId(target);
    const wish = { owner, bundle, bundleError, growOnly, verdict: verdictOn(id, bundles) };
    const memory = memoryOf(owner, id);
    if (target.kind === 'file') return settleFile({ ...wish, target }, memory, { ...tools, directory });
    const { name, spec } = target;
    return settleTarget({ ...wish, name, target: spec, trustDomain, signal }, memory, tools);
  }

  /** Canaries come last: one may be the only place that has the bytes of what was promoted while nobody ran. */
  async function settleSingle(targets: readonly NamedTarget[], owner: string, settlement: Settlement) {
    const reports = new Map<NamedTarget, TargetReport>();
    const settle = async (target: ClusterTrustBundleTarget | FileTarget) =>
      reports.set(target, await settleOne(target, owner, settlement));
    const single = targets.filter((target) => target.kind === 'clusterTrustBundle' || target.kind === 'file');
    await Promise.all(single.filter((target) => !isCanary(target)).map(settle));
    await Promise.all(single.filter(isCanary).map(settle));
    return reports;
  }

  /** Of what its status tells and its specification does not: for as long as something is left, the status goes on telling. */
  function retireOthers({ object, targets }: TrustBundleEntry, signal: AbortSignal) {
    const named = new Set(targets.map(targetId));
    const left = toldTargets(object).filter((one) => !named.has(targetId(one)));
    return retireAll(object, targets, left, signal);
  }

  async function retireAll(
    object: TrustBundle,
    targets: readonly NamedTarget[],
    left: readonly TargetKey[],
    signal: AbortSignal,
  ): Promise<TargetReport[]> {
    const owner = object.metadata.name;
    const single = left.filter(
      (one) => one.kind === 'clusterTrustBundle' || (one.kind === 'file' && isFileToTake(one, object)),
    );
    const reports = await Promise.all(
      single.map((one) => retire(one, owner, { ...tools, directory }, signal)),
    );
    const isWritten = (kind: PlacementKind): boolean => mayHaveWritten(object, kind);
    const placed = await placements.remove({ owner, targets, left, isWritten }, signal);
    return [...reports, ...placed].filter((report) => report !== undefined);
  }

  /** A file carries no mark: it is ours when we told that it held our bundle, and nobody else publishes it now. */
  function isFileToTake(file: TargetKey, { metadata, status }: TrustBundleEntry['object']): boolean {
    const { winner } = verdictOn(targetId(file), bundles);
    return hasHeld(toldOf(file, status)) && (winner === '' || winner === metadata.name);
  }

  /** The fallback, when it is found just now that it is needed. */
  function beginning({ spec, targets }: TrustBundleEntry): NamedTarget[] {
    const fallback = spec === undefined || !tools.api.isAbsent() ? undefined : fallbackOf(spec);
    return fallback === undefined || targets.some((one) => targetId(one) === targetId(fallback))
      ? []
      : [fallback];
  }

  /** A fallback that could be written nowhere as long as it was needed: the API that it was to stand for is there. */
  function isNeedless({ kind, name, error }: TargetReport, { object, spec }: TrustBundleEntry): boolean {
    const isRefused = error?.code === 'BUNDLE_TARGET_FORBIDDEN' && tools.api.cache() !== undefined;
    // When it is kept for it, it may have been written, though nobody saw it.
    if (!isRefused || spec?.fallback.mode !== 'Auto' || isKeptFor(object, 'fallback')) return false;
    const fallback = fallbackOf(spec);
    if (fallback === undefined || targetId(fallback) !== targetId({ kind, name })) return false;
    return toldOf(fallback, object.status)?.firstVerifiedTime === undefined;
  }

  function settlePlaced(targets: readonly NamedTarget[], object: TrustBundle, { channels }: Settlement) {
    const owner = object.metadata.name;
    const prunes = deletesTargets(object);
    const termsOf = (target: PlacementTarget) => ({
      prunes,
      held: !prunes || isKeptFor(object, holdOf(target)),
    });
    const placed = targets.filter(({ kind }) => kind === 'configMap' || kind === 'secret');
    const wanted = placed.flatMap((target) =>
      target.kind === 'configMap' || target.kind === 'secret'
        ? [orders.of(target, owner, contentFor(target, channels), termsOf(target))]
        : [],
    );
    const reports = placements.settle(owner, wanted);
    return new Map(placed.map((target, index) => [target, reports[index]]));
  }

  return {
    async settle(entry, settlement) {
      const { object } = entry;
      const owner = object.metadata.name;
      const deletes = deletesTargets(object);
      const untold = deletes ? entry.targets.filter((target) => !isTold(target, object.status)) : [];
      const targets = entry.targets.filter((target) => !untold.includes(target));
      const placed = settlePlaced(targets, object, settlement);
      const single = await settleSingle(targets, owner, settlement);
      const reports = targets.map((target) => single.get(target) ?? placed.get(target));
      if (!deletes) placements.retain(owner);
      const left = deletes ? await retireOthers(entry, settlement.signal) : [];
      return [
        ...reports
          .filter((report) => report !== undefined)
          .filter((report) => !isNeedless(report, entry))
          .map((report) => covered(report, entry)),
        ...[...untold, ...beginning(entry)].map(announced),
        ...left,
      ];
    },
    end(entry, signal) {
      const owner = entry.object.metadata.name;
      placements.settle(owner, []);
      // What was seen to be gone before may have been written since.
      if (!ending.has(owner)) placements.retain(owner);
      ending.add(owner);
      return retireAll(entry.object, [], takenAlong(entry), signal);
    },
    awaitingHold: (owner) => placements.awaitingHold(owner),
    hasten(name) {
      const id = name === undefined ? undefined : targetId({ kind: 'clusterTrustBundle', name });
      for (const known of memories.values()) {
        for (const [target, memory] of known) if (id === undefined || id === target) hasten(memory);
      }
    },
    suspend: (owner) => placements.suspend(owner),
    forget(owner) {
      memories.delete(owner);
      ending.delete(owner);
      orders.forget(owner);
      placements.forget(owner);
    },
    forgetAll() {
      memories.clear();
      ending.clear();
      placements.retain();
      tools.landings.begin();
      // What was verified at its version still is, whoever has led meanwhile; what was wished for is not.
      placements.suspend();
    },
  };
}

/** What waits for an API that is absent holds up nobody where a ConfigMap stands for it. */
function covered(report: TargetReport, { spec, targets }: TrustBundleEntry): TargetReport {
  const stand = spec === undefined ? undefined : standIn(spec, targets);
  if (stand === undefined || report.error?.code !== 'BUNDLE_API_ABSENT') return report;
  return { ...report, coveredBy: `${kindNames[stand.kind]} ${stand.name}` };
}

const toldMs = 100;

/**
 * What is to be deleted one day stands in the status before it is written: else a process that ends in between, and a specification that
 * changes then, would leave something that nobody remembers. And a fallback that has begun goes on.
 */
function announced(target: NamedTarget): TargetReport {
  const what = `${kindNames[target.kind]} ${target.name}`;
  const error = new MangroveError('BUNDLE_TARGET_PENDING', `${what} is about to be written`);
  const fallback = target.kind === 'configMap' ? target.fallback : undefined;
  return { ...unseenTarget(target), fallback, error, retryMs: toldMs };
}
