import type { Logger } from 'pino';
import type { Announcer } from '#bundles/controller/announcement.ts';
import {
  createdAt,
  type TrustBundleCache,
  targetsWhileDeleting,
  verdictIn,
} from '#bundles/controller/entry.ts';
import { heldElsewhere, heldFromBefore } from '#bundles/controller/held-elsewhere.ts';
import { createLandings } from '#bundles/controller/landings.ts';
import type { BundleControllerOptions } from '#bundles/controller/options.ts';
import { type Placements, startPlacements } from '#bundles/controller/placement/placements.ts';
import { createReconciler, type Reconciler } from '#bundles/controller/reconcile.ts';
import { createGate } from '#bundles/controller/selection.ts';
import { type ServedApi, startServedApi } from '#bundles/controller/served-api.ts';
import {
  type SourceObjects,
  type SourceObjectsOptions,
  startSourceObjects,
} from '#bundles/controller/source-objects.ts';
import { createTargets, type Targets } from '#bundles/controller/targets.ts';
import type { BundleControllerTiming } from '#bundles/controller/timing.ts';
import type { Clock } from '#kube/clock.ts';
import { clusterTrustBundles } from '#kube/resource.ts';

/** What the controller gives its parts, and what it wants to hear of them. */
export interface PipelineWires {
  readonly clock: Clock;
  readonly timing: BundleControllerTiming;
  readonly bundles: TrustBundleCache;
  readonly announcer: Announcer;
  readonly log: Logger;
  /** Namespaces that nothing is ever placed in. */
  readonly reserved: readonly string[];
  /** Of file targets. */
  readonly directory: string;
  /** That ClusterTrustBundle changed, or without a name the whole API. */
  readonly onTargetChange: (name?: string) => void;
  readonly onSourceChange: SourceObjectsOptions['onChange'];
  /** Namespaces, or ConfigMaps in them, can be told now, or not any more. */
  readonly onWatchChange: () => void;
  /** Something of that TrustBundle could be written, were it held. */
  readonly onUnheld: (owner: string) => void;
  /** What is true of the targets of that TrustBundle may be new. */
  readonly onProgress: (owner: string) => void;
}

/** All that a TrustBundle passes on its way: what is read, who decides, and what is written. */
export interface Pipeline {
  readonly api: ServedApi;
  readonly objects: SourceObjects;
  readonly placements: Placements;
  readonly targets: Targets;
  readonly reconciler: Reconciler;
}

export function createPipeline(options: BundleControllerOptions, wires: PipelineWires): Pipeline {
  const { client, signal } = options;
  const { clock, timing, bundles, announcer, log, reserved, directory } = wires;
  const observerOf = options.reflectorObserver ?? (() => ({}));
  const queueObserver = options.queueObserver ?? (() => ({}));
  const gate = createGate();
  // Every bundle is looked at within this time: what was not asked for twice as long, none selects.
  const idleMs = timing.verifyMs * 2;
  const api = startServedApi({
    client,
    log,
    signal,
    clock,
    timing,
    gate,
    idleMs,
    observer: observerOf(clusterTrustBundles.plural),
    onChange: wires.onTargetChange,
  });
  const isFresh = (): boolean => {
    const contact = api.lastContact();
    return contact !== undefined && clock.monotonic() - contact <= timing.staleMs;
  };
  const objects = startSourceObjects({
    client,
    namespace: options.sources.namespace,
    log,
    observer: (plural) => observerOf(`source-${plural}`),
    onChange: wires.onSourceChange,
    signal,
    clock,
    staleMs: timing.staleMs,
    gate,
    idleMs,
  });
  const random = options.random ?? Math.random;
  const landings = createLandings({
    landingMs: timing.landingMs,
    now: () => clock.monotonic(),
    wall: () => clock.wall(),
    createdAt: (owner) => createdAt(bundles.getByKey(owner)),
  });
  const placements = startPlacements({
    client,
    log,
    signal,
    clock,
    random,
    reserved,
    staleMs: timing.staleMs,
    verifyMs: timing.verifyMs,
    isLeader: options.isLeader,
    landings,
    verdict: (target, namespace) => verdictIn(target, namespace.labels, bundles),
    targetsOf: (owner) => targetsWhileDeleting(owner, bundles),
    reflectorObserver: observerOf,
    queueObserver,
    controllerObserver: options.controllerObserver,
    onWritten({ order: { owner, target } }, { namespace }, written) {
      const object = bundles.getByKey(owner)?.object;
      const { kind, name } = target;
      if (object !== undefined) announcer.placed(object, { kind, namespace, name, ...written });
    },
    onUnheld: wires.onUnheld,
    onProgress: wires.onProgress,
    onWatchChange: wires.onWatchChange,
    step: options.step,
  });
  const tools = { client, api, clock, random, landings, staleMs: timing.staleMs, step: options.step };
  const targets = createTargets({ bundles, tools, placements, directory });
  const reconciler = createReconciler({
    bundles,
    tools,
    targets,
    places: { authorities: options.authorityAnchors, objects, ...options.sources, api, isFresh },
    announcer,
    elsewhere: (targets, fingerprints, signal) =>
      heldElsewhere(targets, fingerprints, { client, reserved, directory, signal }),
    fromBefore: (targets, claimant, signal) =>
      heldFromBefore(targets, claimant, { client, reserved, directory, signal }),
    verifyMs: timing.verifyMs,
  });
  return { api, objects, placements, targets, reconciler };
}
