import type { Logger } from 'pino';
import { type Hold, holdOf } from '#bundles/controller/finalizer.ts';
import type { Landings } from '#bundles/controller/landings.ts';
import {
  type OpenOrder,
  type Order,
  orderId,
  ownerOfKey,
  splitKey,
} from '#bundles/controller/placement/order.ts';
import { createOrderBook, type OrderBookOptions } from '#bundles/controller/placement/order-book.ts';
import {
  createRemovals,
  type RemovalsOptions,
  type RemovalWish,
} from '#bundles/controller/placement/removals.ts';
import { createRecovery } from '#bundles/controller/placement/recovery.ts';
import { placementReport } from '#bundles/controller/placement/report.ts';
import { createPlacementWatches } from '#bundles/controller/placement/watches.ts';
import { createWorker, type Written } from '#bundles/controller/placement/worker.ts';
import { createRetirements, type PlacedKey } from '#bundles/controller/placement/retirements.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import type { Placement } from '#bundles/target/placement.ts';
import type { KubeClient } from '#kube/client.ts';
import { type Clock, pause } from '#kube/clock.ts';
import { type ControllerObserver, startController } from '#kube/controller.ts';
import type { ReflectorObserver } from '#kube/reflector.ts';
import { type QueueObserver, WorkQueue } from '#kube/work-queue.ts';
import type { Step } from '#step.ts';

export interface PlacementsOptions
  extends Pick<OrderBookOptions, 'verdict' | 'verifyMs'>,
    Pick<RemovalsOptions, 'targetsOf'> {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly staleMs: number;
  /** Namespaces that nothing is ever placed in. */
  readonly reserved: readonly string[];
  readonly isLeader: () => boolean;
  readonly landings: Landings;
  readonly reflectorObserver: (plural: string) => ReflectorObserver;
  readonly queueObserver: (name: string) => QueueObserver;
  readonly controllerObserver?: ControllerObserver | undefined;
  readonly onWritten: (order: OpenOrder, placement: Placement, written: Written) => void;
  /** Something could be written at once, were the TrustBundle held. */
  readonly onUnheld: (owner: string) => void;
  /** What is true of the targets of a TrustBundle may be new. */
  readonly onProgress: (owner: string) => void;
  /** Namespaces, or ConfigMaps in them, can be told now, or not any more: every TrustBundle has to be looked at. */
  readonly onWatchChange: () => void;
  readonly step?: Step | undefined;
}

/** ConfigMaps and Secrets in many namespaces: what TrustBundles ask for is done beside their reconciler, which waits for no namespace. */
export interface Placements {
  /** All that a TrustBundle asks for now, and how far that is. */
  settle(owner: string, orders: readonly Order[]): TargetReport[];
  /** Of what something could be written, were the TrustBundle held. */
  awaitingHold(owner: string): readonly Hold[];
  /**
   * What else belongs to a TrustBundle goes, also from namespaces that are not selected any more. What is told is of targets that it names
   * no more and that are not gone yet, and of what cannot go.
   */
  remove(wish: RemovalWish, signal: AbortSignal): Promise<TargetReport[]>;
  /** Nothing of that TrustBundle goes, or without a name of any, until it is asked for again. */
  retain(owner?: string): void;
  /**
   * Nothing is written until it is asked for anew, by that TrustBundle or by each: what it asked for before may be what another leader,
   * or its new specification, has left behind.
   */
  suspend(owner?: string): void;
  /** Nothing is asked for any more, and what stands stays. */
  forget(owner: string): void;
  /** When the signal has aborted and nothing runs any more. */
  readonly done: Promise<void>;
}

/** The API server alone is the limit, and many small requests in flight keep it busy. */
const CONCURRENCY = 24;
/** A large target is read for long, and the others need not wait; each pass holds a page of a few MiB. */
const PASSES = 3;
/** Of a pass that came to nothing: nobody hears of it when the server would answer again. */
const passPace = { baseMs: 250, maxMs: 30_000 };

export function startPlacements(options: PlacementsOptions): Placements {
  const { client, log, signal, clock, random, landings, step } = options;
  const queue = new WorkQueue({ laneOf: ownerOfKey, observer: options.queueObserver('placements') });
  const passes = new WorkQueue({
    laneOf: ownerOfKey,
    observer: options.queueObserver('read-back'),
    backoff: passPace,
    random,
  });
  const watches = createPlacementWatches({
    client,
    log,
    signal,
    clock,
    staleMs: options.staleMs,
    reserved: options.reserved,
    observer: options.reflectorObserver,
    onNamespace(name) {
      book.namespaceChanged(name);
      for (const owner of new Set(book.list().map(({ order }) => order.owner))) options.onProgress(owner);
    },
    onObject: (seen) => book.objectChanged(seen),
    onChange: options.onWatchChange,
  });
  const book = createOrderBook({
    watches,
    verdict: options.verdict,
    now: () => clock.monotonic(),
    verifyMs: options.verifyMs,
    onWork: (key, afterMs) => queue.addAfter(key, afterMs),
    onOwed: ({ id }) => passes.add(id),
  });
  const removals = createRemovals({
    client,
    watches,
    targetsOf: options.targetsOf,
    random,
    onWork: (key, afterMs) => queue.addAfter(key, afterMs),
    onProgress: options.onProgress,
    step,
  });
  const recovery = createRecovery({ book, clock, random, later });
  const worker = createWorker({
    client,
    book,
    removals,
    recovery,
    clock,
    random,
    onLater: (key, ms) => queue.addAfter(key, ms),
    onWritten: options.onWritten,
    onLost: ({ order }) => landings.lost(order.owner),
    onUnheld: ({ order }) => options.onUnheld(order.owner),
    onProgress: ({ order }) => options.onProgress(order.owner),
    step,
  });
  const retirements = createRetirements({ client, watches, removals, landings, isUnderWay });
  const working = new Set<string>();

  async function later(ms: number, task: () => void): Promise<void> {
    await pause(ms, signal);
    if (!signal.aborted) task();
  }

  const common = { log, signal, clock, ...told(options.controllerObserver) };
  const controllers = [
    startController<string>({
      ...common,
      name: 'placements',
      queue,
      concurrency: CONCURRENCY,
      reconcile: work,
    }),
    startController<string>({
      ...common,
      name: 'read-back',
      queue: passes,
      concurrency: PASSES,
      reconcile: async (id, aborted) => {
        if (options.isLeader()) await worker.readBack(id, aborted);
      },
    }),
  ];

  async function work(key: string, aborted: AbortSignal): Promise<void> {
    if (!options.isLeader()) return worker.release(key);
    working.add(key);
    if (book.find(key) !== undefined) {
      // What was to go there, and what was seen not to stand there, may be written now.
      removals.release(key);
      retirements.doubt(key);
    }
    try {
      await worker.settle(key, aborted);
    } finally {
      working.delete(key);
    }
  }

  /** What was asked for a moment ago may be on its way to the server. */
  function isUnderWay(owner: string, target: PlacedKey): boolean {
    const id = orderId({ owner, target });
    return [...working].some((key) => splitKey(key).id === id);
  }

  return {
    settle: (owner, orders) =>
      book.take(owner, orders).map((order) => placementReport(order, watches, clock)),
    awaitingHold: (owner) =>
      book
        .list()
        .flatMap(({ order, awaitsHold }) =>
          order.owner === owner && awaitsHold ? [holdOf(order.target)] : [],
        ),
    remove: (wish, signal) => retirements.remove(wish, signal),
    retain: (owner) => retirements.forget(owner),
    suspend: (owner) => book.suspend(owner),
    forget(owner) {
      book.take(owner, []);
      retirements.forget(owner);
    },
    done: Promise.all(controllers.map(({ done }) => done)).then(() => watches.done()),
  };
}

function told(observer: ControllerObserver | undefined) {
  return observer === undefined ? {} : { observer };
}
