import { type TrustBundleCache, type TrustBundleEntry, verdictOn } from '#bundles/controller/entry.ts';
import { settleFile } from '#bundles/controller/file-target.ts';
import { createOrders } from '#bundles/controller/placement/order.ts';
import type { Placements } from '#bundles/controller/placement/placements.ts';
import { settleTarget, type TargetTools } from '#bundles/controller/target.ts';
import { hasten, newTargetMemory, type TargetMemory } from '#bundles/controller/target-memory.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import type { Assembly } from '#bundles/source/assembly.ts';
import {
  type ClusterTrustBundleTarget,
  type FileTarget,
  type NamedTarget,
  targetId,
} from '#bundles/target/named-target.ts';

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
  readonly assembly: Assembly;
  readonly signal: AbortSignal;
}

/** All targets of all TrustBundles. */
export interface Targets {
  /** Brings those of one TrustBundle to what they should be, in the order of its specification. No namespace is waited for. */
  settle(entry: TrustBundleEntry, settlement: Settlement): Promise<TargetReport[]>;
  /** That ClusterTrustBundle changed, or without a name the API: what failed there may succeed now. */
  hasten(name?: string): void;
  forget(owner: string): void;
  forgetAll(): void;
}

export function createTargets({ bundles, tools, placements, directory }: TargetsOptions): Targets {
  /** TrustBundle → ClusterTrustBundle or file → what is remembered of it. */
  const memories = new Map<string, Map<string, TargetMemory>>();
  const orders = createOrders();

  function memoryOf(owner: string, id: string): TargetMemory {
    const known = memories.get(owner) ?? new Map<string, TargetMemory>();
    const memory = known.get(id) ?? newTargetMemory();
    memories.set(owner, known.set(id, memory));
    return memory;
  }

  function settleOne(
    target: ClusterTrustBundleTarget | FileTarget,
    owner: string,
    { trustDomain, assembly, signal }: Settlement,
  ): Promise<TargetReport> {
    const { bundle, error: bundleError, partial: growOnly } = assembly;
    const id = targetId(target);
    const wish = { owner, bundle, bundleError, growOnly, verdict: verdictOn(id, bundles) };
    const memory = memoryOf(owner, id);
    if (target.kind === 'file') return settleFile({ ...wish, target }, memory, { ...tools, directory });
    const { name, spec } = target;
    return settleTarget({ ...wish, name, target: spec, trustDomain, signal }, memory, tools);
  }

  function settlePlaced(targets: readonly NamedTarget[], owner: string, { assembly }: Settlement) {
    const placed = targets.filter(({ kind }) => kind === 'configMap' || kind === 'secret');
    const wanted = placed.flatMap((target) =>
      target.kind === 'configMap' || target.kind === 'secret' ? [orders.of(target, owner, assembly)] : [],
    );
    const reports = placements.settle(owner, wanted);
    return new Map(placed.map((target, index) => [target, reports[index]]));
  }

  return {
    async settle({ object, targets }, settlement) {
      const owner = object.metadata.name;
      const placed = settlePlaced(targets, owner, settlement);
      const reports = await Promise.all(
        targets.map(async (target) =>
          target.kind === 'clusterTrustBundle' || target.kind === 'file'
            ? settleOne(target, owner, settlement)
            : placed.get(target),
        ),
      );
      return reports.filter((report) => report !== undefined);
    },
    hasten(name) {
      const id = name === undefined ? undefined : targetId({ kind: 'clusterTrustBundle', name });
      for (const known of memories.values()) {
        for (const [target, memory] of known) if (id === undefined || id === target) hasten(memory);
      }
    },
    forget(owner) {
      memories.delete(owner);
      orders.forget(owner);
      placements.forget(owner);
    },
    // What was verified at its version still is, whoever has led meanwhile.
    forgetAll: () => memories.clear(),
  };
}
