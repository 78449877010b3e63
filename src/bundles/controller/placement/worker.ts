import { targetFailure } from '#bundles/controller/failure.ts';
import { awaitHold, isStopped } from '#bundles/controller/placement/hold.ts';
import type { OpenOrder } from '#bundles/controller/placement/order.ts';
import { placementKey } from '#bundles/controller/placement/order.ts';
import type { OrderBook } from '#bundles/controller/placement/order-book.ts';
import { type PlacementTask, place, readBack, type Settled } from '#bundles/controller/placement/place.ts';
import { describePlace } from '#bundles/controller/placement/read.ts';
import { readOwedBack } from '#bundles/controller/placement/read-back.ts';
import { isShared, type Recovery } from '#bundles/controller/placement/recovery.ts';
import type { Removals } from '#bundles/controller/placement/removals.ts';
import { kindNames, type PlacementTarget } from '#bundles/target/named-target.ts';
import type { DesiredObject } from '#bundles/target/placed-object.ts';
import {
  type Decision,
  forgetContent,
  isHolding,
  owesReadBack,
  type Placement,
  wishId,
} from '#bundles/target/placement.ts';
import { errorCode, MangroveError } from '#errors/error.ts';
import { backoffDelay } from '#kube/backoff.ts';
import type { KubeClient } from '#kube/client.ts';
import type { Clock } from '#kube/clock.ts';
import { isNotFound, isOutcomeUnknown, KubeError } from '#kube/error.ts';
import type { Step } from '#step.ts';

export interface WorkerOptions {
  readonly client: KubeClient;
  readonly book: OrderBook;
  readonly removals: Removals;
  readonly recovery: Recovery;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onLater: (key: string, ms: number) => void;
  /** A placement was written, or could not be. */
  readonly onWritten: (order: OpenOrder, placement: Placement, written: Written) => void;
  /** Something of the order may have been created, or may yet be. */
  readonly onLost: (order: OpenOrder) => void;
  /** Something of the order could be written, were it held. */
  readonly onUnheld: (order: OpenOrder) => void;
  /** Something about the order may be new. */
  readonly onProgress: (order: OpenOrder) => void;
  readonly step?: Step | undefined;
}

export interface Written {
  readonly outcome: 'written' | 'repaired' | 'failed';
  readonly changed: readonly string[];
}

/** Works on single placements, and on all of one order that have to be read; neither throws for what a namespace refuses. */
export interface Worker {
  settle(key: string, signal: AbortSignal): Promise<void>;
  /** It is not for us to do now: whoever asks again begins anew. */
  release(key: string): void;
  /** Throws what a pass failed for as a whole. */
  readBack(id: string, signal: AbortSignal): Promise<void>;
}

/** Of the wish that was tried, which may not be that of now. */
interface Failure {
  readonly error: unknown;
  readonly wish: string | undefined;
}

const failurePace = { baseMs: 250, maxMs: 5 * 60_000 };
/** The first repair is made at once. Who edits again and again meets a slower and slower repair, not an endless race. */
const editPace = { baseMs: 200, maxMs: 10_000 };
const peaceMs = 60_000;
const leavingMs = 5_000;

export function createWorker(options: WorkerOptions): Worker {
  const { client, book, removals, recovery, clock, random, step } = options;
  const { onLater, onWritten, onLost, onUnheld, onProgress } = options;
  const now = (): number => clock.wall();

  async function settle(order: OpenOrder, placement: Placement, signal: AbortSignal): Promise<void> {
    const { desired, growOnly, held } = order.order;
    const decision = book.decide(order, placement);
    const wish = wishOf(order);
    if (desired === undefined || decision === 'nothing' || decision === 'wait' || isStopped(order)) return;
    const isEdit = isHolding(placement, desired.digest) && !placement.due;
    placement.tried = wish;
    const isWished = (): boolean => isAsked(order, placement) && wishOf(order) === wish;
    const task: PlacementTask = { client, desired, placement, growOnly, held, isWished, now, signal, step };
    try {
      const settled = await place(task, asked(decision, placement));
      if (settled === undefined) return;
      if (settled.outcome === 'unheld') return noteUnheld(order, placement);
      // It let us write: there is no reason to wait before it is read back.
      placement.notBefore = 0;
      if (desired.kind === 'secret' && owesReadBack(placement, desired.digest)) await readBack(task);
      if (isEdit) noteEdit(placement);
      noteSuccess(placement, desired);
      told(order, placement, settled, isEdit);
    } catch (error) {
      if (signal.aborted) forgetContent(placement);
      if (signal.aborted || isOutcomeUnknown(error)) onLost(order);
      noteFailure(order, placement, { error, wish });
    }
  }

  /** Neither the order nor the namespace has left meanwhile. */
  function isAsked({ id }: OpenOrder, placement: Placement): boolean {
    return book.get(id)?.placements.get(placement.namespace) === placement;
  }

  function told(
    order: OpenOrder,
    placement: Placement,
    { outcome, changed }: Settled,
    isEdit: boolean,
  ): void {
    if (outcome === 'unchanged') return;
    onWritten(order, placement, { outcome: isEdit ? 'repaired' : 'written', changed });
  }

  /** It may be read, so it may be written as well: once its TrustBundle is held, nothing waits. */
  function noteUnheld(order: OpenOrder, placement: Placement): void {
    placement.tried = undefined;
    if (awaitHold(order, clock.monotonic())) onUnheld(order);
  }

  /** Only what was read and found right is over; what is written is not yet. */
  function noteSuccess(placement: Placement, desired: DesiredObject): void {
    placement.leaving = false;
    const code = placement.error?.code;
    if (owesReadBack(placement, desired.digest) && !isShared(code)) return;
    placement.error = undefined;
    placement.failures = 0;
    if (isShared(code)) recovery.note(desired.kind, code);
  }

  function noteEdit(placement: Placement): void {
    const at = clock.monotonic();
    placement.edits = at - placement.editedAt > peaceMs ? 1 : placement.edits + 1;
    placement.editedAt = at;
    if (placement.edits > 1) placement.notBefore = at + backoffDelay(placement.edits - 1, editPace, random);
  }

  function noteFailure(order: OpenOrder, placement: Placement, { error, wish }: Failure): void {
    const { target } = order.order;
    if (!isRefused(error)) forgetContent(placement);
    placement.due = false;
    if (isLeaving(error)) {
      placement.leaving = true;
      placement.error = undefined;
      placement.notBefore = clock.monotonic() + leavingMs;
    } else {
      placement.error = targetFailure(describePlace({ ...target, namespace: placement.namespace }), error);
      placement.failures += 1;
      placement.notBefore = clock.monotonic() + backoffDelay(placement.failures, failurePace, random);
      onWritten(order, placement, { outcome: 'failed', changed: [] });
    }
    placement.tried = wish;
    onLater(placementKey(order, placement.namespace), placement.notBefore - clock.monotonic());
  }

  async function readOwed(order: OpenOrder, signal: AbortSignal): Promise<void> {
    const { desired, growOnly } = order.order;
    const wish = wishOf(order);
    const owed = new Set(order.owed);
    if (desired === undefined || owed.size === 0) return;
    const onFailure = (placement: Placement, error: unknown): void =>
      noteFailure(order, placement, { error, wish });
    await readOwedBack({ client, order, desired, growOnly, owed, now, onFailure, signal, step });
    for (const placement of owed) {
      if (isHolding({ ...placement, error: undefined }, desired.digest)) noteSuccess(placement, desired);
      if (isAsked(order, placement)) book.look(order, placement);
    }
  }

  return {
    async settle(key, signal) {
      const found = book.find(key);
      if (found === undefined) return removals.run(key, signal);
      const { order, placement } = found;
      order.active.add(placement.namespace);
      try {
        await settle(order, placement, signal);
      } finally {
        order.active.delete(placement.namespace);
      }
      // Another may stand there by now: its namespace was left, and selected again.
      const next = order.placements.get(placement.namespace);
      if (next !== undefined) book.look(order, next);
      book.dispatch(order);
      onProgress(order);
    },
    release(key) {
      const found = book.find(key);
      if (found === undefined) removals.release(key);
      else found.order.active.delete(found.placement.namespace);
    },
    async readBack(id, signal) {
      const order = book.get(id);
      if (order === undefined) return;
      try {
        await readOwed(order, signal);
        order.unread = undefined;
      } catch (error) {
        order.unread = unreadable(order.order.target, signal.aborted ? undefined : error);
        onProgress(order);
        throw error;
      }
      book.dispatch(order);
      onProgress(order);
    },
  };
}

/** @param error undefined: it took too long */
function unreadable({ kind, name }: PlacementTarget, error: unknown): MangroveError {
  const what = `${kindNames[kind]} ${name} cannot be read back`;
  if (error !== undefined) return targetFailure(what, error);
  return new MangroveError('BUNDLE_TARGET_UNAVAILABLE', `${what}: it took too long`);
}

/** What is asked for now, by its id; undefined: nothing. */
function wishOf({ order: { desired, growOnly } }: OpenOrder): string | undefined {
  return desired === undefined ? undefined : wishId({ digest: desired.digest, growOnly });
}

/** An object that is known not to be ours is looked at, before a megabyte is sent only to be refused. */
function asked(decision: Decision, { error }: Placement): Decision {
  return decision === 'create' && error?.code === 'BUNDLE_TARGET_FOREIGN' ? 'read' : decision;
}

/** The answer says that nothing was written. */
function isRefused(error: unknown): boolean {
  return ['KUBE_FORBIDDEN', 'KUBE_INVALID', 'KUBE_TOO_MANY_REQUESTS'].includes(errorCode(error) ?? '');
}

/** k8s.io/apiserver pkg/admission/plugin/namespace/lifecycle: no object is created where all are being deleted. */
function isLeaving(error: unknown): boolean {
  if (isNotFound(error)) return true;
  return error instanceof KubeError && error.causes.some(({ reason }) => reason === 'NamespaceTerminating');
}
