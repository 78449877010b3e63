import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { createAnnouncer } from '#bundles/controller/announcement.ts';
import {
  asksTheSame,
  createTrustBundleCache,
  isLetGo,
  rivalsOf,
  type TrustBundleEntry,
  trustBundleEntry,
} from '#bundles/controller/entry.ts';
import { isEnding } from '#bundles/controller/finalizer.ts';
import { createLetGo } from '#bundles/controller/let-go.ts';
import type { BundleControllerOptions } from '#bundles/controller/options.ts';
import { createPipeline } from '#bundles/controller/pipeline.ts';
import { defaultTiming } from '#bundles/controller/timing.ts';
import { type PublishedEvidence, verifyPublished } from '#bundles/controller/verify.ts';
import { targetId } from '#bundles/target/named-target.ts';
import { systemClock } from '#kube/clock.ts';
import { startController } from '#kube/controller.ts';
import { startReflector } from '#kube/reflector.ts';
import { trustBundles } from '#kube/resource.ts';
import { WorkQueue } from '#kube/work-queue.ts';

export type { BundleControllerOptions } from '#bundles/controller/options.ts';
export type { PublishedEvidence, TargetEvidence } from '#bundles/controller/verify.ts';

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
  // What lies among the sources could be taken for one, by a selector of another trust domain.
  const reserved = [options.sources.namespace, options.namespace ?? options.sources.namespace];
  const { directory } = options.targets ?? { directory: '/targets' };
  const queue = new WorkQueue({ observer: options.queueObserver?.('bundles') ?? {} });
  const bundles = createTrustBundleCache();
  const letGo = createLetGo(timing.progressMs, () => clock.monotonic());
  const announcer = createAnnouncer({ log, events: options.events, observer: options.observer ?? {} });

  const { api, objects, placements, targets, reconciler } = createPipeline(options, {
    clock,
    timing,
    bundles,
    announcer,
    log,
    reserved,
    directory,
    onTargetChange: targetChanged,
    onSourceChange: (kind) => enqueue(bundles.index('sourceKind', kind)),
    onWatchChange: () => resync(),
    onUnheld: (owner) => queue.add(owner),
    onProgress: (owner) => queue.addAfter(owner, timing.progressMs),
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
      const { name } = current.object.metadata;
      if (isLetGo(previous, current)) queue.addAfter(name, letGo.paceMs(name));
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
    letGo.forget(object.metadata.name);
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
    observer: options.reflectorObserver?.(trustBundles.plural) ?? {},
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
