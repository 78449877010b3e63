import type { Logger } from 'pino';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { createAnnouncer } from '#bundles/controller/announcement.ts';
import type { BundleObserver } from '#bundles/controller/bundle-observer.ts';
import {
  asksTheSame,
  createdAt,
  createTrustBundleCache,
  isLetGo,
  rivalsOf,
  type TrustBundleEntry,
  targetsWhileDeleting,
  trustBundleEntry,
  verdictIn,
} from '#bundles/controller/entry.ts';
import { isEnding } from '#bundles/controller/finalizer.ts';
import { heldElsewhere, heldFromBefore } from '#bundles/controller/held-elsewhere.ts';
import { createLandings } from '#bundles/controller/landings.ts';
import { startPlacements } from '#bundles/controller/placement/placements.ts';
import { createReconciler } from '#bundles/controller/reconcile.ts';
import { createGate } from '#bundles/controller/selection.ts';
import { startServedApi } from '#bundles/controller/served-api.ts';
import { startSourceObjects } from '#bundles/controller/source-objects.ts';
import { createTargets } from '#bundles/controller/targets.ts';
import { type BundleControllerTiming, defaultTiming } from '#bundles/controller/timing.ts';
import { type PublishedEvidence, verifyPublished } from '#bundles/controller/verify.ts';
import type { AuthorityLookup } from '#bundles/source/authority.ts';
import { targetId } from '#bundles/target/named-target.ts';
import type { KubeClient } from '#kube/client.ts';
import { type Clock, systemClock } from '#kube/clock.ts';
import { type ControllerObserver, startController } from '#kube/controller.ts';
import type { EventRecorder } from '#kube/event.ts';
import { type ReflectorObserver, startReflector } from '#kube/reflector.ts';
import { clusterTrustBundles, trustBundles } from '#kube/resource.ts';
import { type QueueObserver, WorkQueue } from '#kube/work-queue.ts';
import type { Step } from '#step.ts';

export type { PublishedEvidence, TargetEvidence } from '#bundles/controller/verify.ts';

export interface BundleControllerOptions {
  readonly client: KubeClient;
  /** ca/, as far as bundles need it; call `authorityChanged` when an answer changes. */
  readonly authorityAnchors: AuthorityLookup;
  /** Where sources may lie. */
  readonly sources: {
    /** The namespace of ConfigMaps and Secrets. */
    readonly namespace: string;
    /** The directory of files. */
    readonly directory: string;
  };
  /** Where targets may lie. */
  readonly targets?: {
    /** The directory of files. */
    readonly directory: string;
  };
  /** The namespace of the product, which holds its keys and nothing else. */
  readonly namespace?: string;
  /** Only the leader publishes; asked before each reconcile. That two think so for a moment does no harm. */
  readonly isLeader: () => boolean;
  /** Nothing is published before: until ca/ has read its own state, every authority would seem to be missing. */
  readonly ready?: Promise<unknown>;
  /** Which TrustBundles are ours to publish; default all. The others still count when a target is claimed twice. */
  readonly handles?: (bundle: TrustBundle) => boolean;
  /** A TrustBundle appeared, changed or went away, its status included; with the CertificateAuthorities that it reads. */
  readonly onTrustBundle?: (authorities: readonly string[]) => void;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly log: Logger;
  readonly observer?: BundleObserver;
  readonly controllerObserver?: ControllerObserver;
  /** By the name of the controller. */
  readonly queueObserver?: (controller: string) => QueueObserver;
  /** By the plural of the resource. */
  readonly reflectorObserver?: (plural: string) => ReflectorObserver;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly timing?: Partial<BundleControllerTiming>;
  readonly step?: Step;
}

export interface BundleController {
  /** The anchors of that CertificateAuthority changed. */
  authorityChanged(name: string): void;
  /** Look at every TrustBundle: this replica became the leader. */
  resync(): void;
  /** This replica leads no more: it keeps and tells nothing of what it saw while it did. */
  standDown(): void;
  /** Whether an anchor is in every required target of its trust domain, by fresh reads. Works without being the leader. */
  verifyPublished(
    trustDomain: string,
    anchorSha256: string,
    signal?: AbortSignal,
  ): Promise<PublishedEvidence>;
  /** After the first complete list of TrustBundles. */
  readonly synced: Promise<void>;
  /** When the signal has aborted and nothing runs any more. */
  readonly done: Promise<void>;
}

/** Publishes what TrustBundles say: one publisher for each target, ever. */
export function startBundleController(options: BundleControllerOptions): BundleController {
  const { client, signal, isLeader, handles = () => true, clock = systemClock } = options;
  const timing = { ...defaultTiming, ...options.timing };
  const log = options.log.child({ room: 'bundles' });
  const observerOf = options.reflectorObserver ?? (() => ({}));
  const queueObserver = options.queueObserver ?? (() => ({}));
  // What lies among the sources could be taken for one, by a selector of another trust domain.
  const reserved = [options.sources.namespace, options.namespace ?? options.sources.namespace];
  const queue = new WorkQueue({ observer: queueObserver('bundles') });
  const bundles = createTrustBundleCache();
  const announcer = createAnnouncer({ log, events: options.events, observer: options.observer ?? {} });

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
    onChange: targetChanged,
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
    onChange: (kind) => enqueue(bundles.index('sourceKind', kind)),
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
    isLeader,
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
    onUnheld: (owner) => queue.add(owner),
    onProgress: (owner) => queue.addAfter(owner, timing.progressMs),
    onWatchChange: () => resync(),
    step: options.step,
  });
  const tools = { client, api, clock, random, landings, staleMs: timing.staleMs, step: options.step };
  const { directory } = options.targets ?? { directory: '/targets' };
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

  /** Without a name the whole API appeared, vanished or came at another version. */
  function targetChanged(name?: string): void {
    targets.hasten(name);
    if (name === undefined) return resync();
    enqueue(bundles.index('target', targetId({ kind: 'clusterTrustBundle', name })));
    enqueue(bundles.index('sourceKind', 'clusterTrustBundle'));
  }

  bundles.onChange((previous, current) => {
    options.onTrustBundle?.([...(previous?.authorities ?? []), ...(current?.authorities ?? [])]);
    // Our own status, written a moment ago.
    if (current !== undefined && asksTheSame(previous, current)) {
      // Not at once: whoever takes its finalizers away may do so each time.
      if (isLetGo(previous, current)) queue.addAfter(current.object.metadata.name, timing.progressMs);
      return;
    }
    for (const entry of [previous, current]) {
      if (entry === undefined) continue;
      for (const rival of rivalsOf(entry, bundles)) queue.add(rival);
    }
    if (current === undefined && previous !== undefined) deleted(previous);
  });

  function deleted({ object, targets }: TrustBundleEntry): void {
    reconciler.forget(object.metadata.name);
    if (isEnding(object)) announcer.gone(object);
    else if (isLeader() && handles(object)) {
      announcer.kept(
        object,
        targets.map(({ kind, name }) => (kind === 'clusterTrustBundle' ? name : targetId({ kind, name }))),
      );
    }
  }

  const reflector = startReflector<TrustBundleEntry, 'target' | 'authority' | 'sourceKind', TrustBundle>({
    client,
    resource: trustBundles,
    cache: bundles,
    transform: trustBundleEntry,
    log,
    clock,
    observer: observerOf(trustBundles.plural),
    signal,
  });
  let ready = false;
  void begin();
  async function begin(): Promise<void> {
    try {
      await Promise.all([reflector.synced, options.ready]);
    } catch {
      // It ends before it began.
      return;
    }
    ready = true;
    resync();
  }

  const controller = startController<string>({
    name: 'bundles',
    queue,
    // Bundles wait for nobody but themselves; each may wait for the API server.
    concurrency: 4,
    log,
    signal,
    clock,
    ...(options.controllerObserver !== undefined && { observer: options.controllerObserver }),
    async reconcile(name, signal) {
      // Before the lists are complete an older claim may be unknown, and what a target holds. Then all come again.
      if (!isLeader() || !ready || !api.answered()) return {};
      const entry = bundles.getByKey(name);
      if (entry === undefined || !handles(entry.object)) return {};
      const result = await reconciler.reconcile(entry, signal);
      // It lost the lead meanwhile, and has told of this all the same.
      if (!isLeader()) standDown();
      return result;
    },
  });

  function enqueue(entries: readonly TrustBundleEntry[]): void {
    for (const { object } of entries) queue.add(object.metadata.name);
  }

  function standDown(): void {
    reconciler.forgetAll();
    for (const contents of [objects, api]) contents.forget();
    options.observer?.forgetAll?.();
  }

  function resync(): void {
    enqueue(bundles.list());
  }

  return {
    authorityChanged: (name) => enqueue(bundles.index('authority', name)),
    resync() {
      reconciler.forgetAll();
      resync();
    },
    standDown,
    verifyPublished: (trustDomain, anchorSha256, signal) =>
      verifyPublished(
        {
          client,
          resource: () => api.resource(),
          isAbsent: () => api.isAbsent(),
          reserved,
          directory,
          signal,
        },
        trustDomain,
        anchorSha256,
      ),
    synced: reflector.synced,
    done: Promise.all([controller.done, reflector.done, api.done, objects.done, placements.done]).then(
      () => undefined,
    ),
  };
}
