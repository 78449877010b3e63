import type { Logger } from 'pino';
import { errorCode, errorMessage, errorRow } from '#errors/error.ts';
import { type Clock, pause, systemClock } from '#kube/clock.ts';
import { KubeError } from '#kube/error.ts';
import { createLineLimit } from '#kube/line-limit.ts';
import { createTurns } from '#kube/turns.ts';
import type { WorkQueue } from '#kube/work-queue.ts';

/**
 * Brings the world to what the object with this key asks for. Level-triggered: it gets only a key, reads the present state, and may be
 * called at any time, any number of times. Never runs twice at once for one key. The signal aborts when it takes too
 * long, if there is a limit, or the program ends; without a limit all calls share it, so a listener must be removed again.
 */
export type Reconcile<Key extends string> = (
  key: Key,
  signal: AbortSignal,
) => Promise<ReconcileResult | void>;

export interface ReconcileResult {
  /** Come back after this time, whatever happens meanwhile. */
  readonly requeueAfterMs?: number;
}

/** `error` is retried with growing delay, `refused` (a non-retryable code) at the slowest pace. */
export const outcomes = ['success', 'requeue', 'error', 'refused'] as const;
export type Outcome = (typeof outcomes)[number];

export interface ControllerObserver {
  /** Once, at the start: so that each counter exists, at zero, before its first event. */
  started?(controller: string, outcomes: readonly Outcome[]): void;
  reconciled?(controller: string, outcome: Outcome, durationMs: number): void;
}

export interface ControllerOptions<Key extends string> {
  readonly name: string;
  readonly queue: WorkQueue<Key>;
  readonly reconcile: Reconcile<Key>;
  /** Keys worked on at the same time; default 1. */
  readonly concurrency?: number;
  /**
   * Keys begun in one turn of the event loop; default: as many as there are workers. Where each call computes much they fall into step:
   * all compute, while nothing waits for the server, and then all wait for it.
   */
  readonly startsPerTurn?: number;
  readonly log: Logger;
  readonly observer?: ControllerObserver;
  /** Aborted: what is queued is finished for `drainMs`, then what still runs is aborted. */
  readonly signal: AbortSignal;
  /** Default 10 s. */
  readonly drainMs?: number;
  /** Of one call; default 5 min. Infinity for calls that end by limits of their own, at no cost for each. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** Of one error code. What is not told as a warning is told to those who debug. */
const failureLines = { lines: 16, windowMs: 10_000 };

/** Of one call. */
interface Deadline {
  readonly signal: AbortSignal;
  clear(): void;
}

export interface Controller {
  /** When the signal has aborted and the last reconcile has returned. */
  readonly done: Promise<void>;
}

export function startController<Key extends string>(options: ControllerOptions<Key>): Controller {
  const { name, queue, reconcile, concurrency = 1, signal, observer = {}, clock = systemClock } = options;
  const { drainMs = 10_000, timeoutMs = 5 * 60_000 } = options;
  const log = options.log.child({ controller: name });
  const ending = new AbortController();
  /** Of the calls under way; that of those without a limit is the end alone. */
  const deadlines = new Set([ending]);
  const limit = createLineLimit({ ...failureLines, now: () => clock.monotonic() });
  const turns = options.startsPerTurn === undefined ? undefined : createTurns(options.startsPerTurn);
  observer.started?.(name, outcomes);

  async function runOne(key: Key): Promise<void> {
    const began = clock.monotonic();
    const outcome = await settle(key);
    observer.reconciled?.(name, outcome, clock.monotonic() - began);
  }

  async function settle(key: Key): Promise<Outcome> {
    const deadline = timeoutMs === Infinity ? undefined : startDeadline();
    try {
      const result = await reconcile(key, deadline?.signal ?? ending.signal);
      queue.forget(key);
      if (result?.requeueAfterMs === undefined) return 'success';
      queue.addAfter(key, result.requeueAfterMs);
      return 'requeue';
    } catch (error) {
      return retry(key, error);
    } finally {
      deadline?.clear();
    }
  }

  function startDeadline(): Deadline {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    deadlines.add(deadline);
    if (ending.signal.aborted) deadline.abort(signal.reason);
    return {
      signal: deadline.signal,
      clear() {
        clearTimeout(timer);
        deadlines.delete(deadline);
      },
    };
  }

  function retry(key: Key, error: unknown): Outcome {
    const refused = !errorRow(error).retryable;
    const asked = error instanceof KubeError ? error.retryAfterMs : undefined;
    const delayMs = refused ? queue.addSlowly(key) : queue.addRateLimited(key, asked);
    const code = errorCode(error);
    const { told, untold } = limit.take(code ?? '');
    // Two that write the same object meet as a conflict every day; a second try settles it.
    const level = code === 'KUBE_CONFLICT' || !told ? 'debug' : 'warn';
    const detail = {
      key,
      code,
      error: errorMessage(error),
      retryMs: Math.round(delayMs),
      ...(told && untold > 0 && { untold }),
    };
    // Without a code it is a bug, and its stack says where.
    log[level](code === undefined ? { ...detail, err: error } : detail, 'reconcile failed');
    return refused ? 'refused' : 'error';
  }

  async function work(): Promise<void> {
    for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
      try {
        await turns?.next();
        await runOne(key);
      } catch (error) {
        log.error({ key, error: errorMessage(error) }, 'the controller could not settle a key');
      } finally {
        queue.done(key);
      }
    }
  }

  async function drain(): Promise<void> {
    const patience = new AbortController();
    await Promise.race([queue.shutdown(), pause(drainMs, patience.signal)]);
    patience.abort();
    void queue.shutdown({ discard: true });
    for (const deadline of deadlines) deadline.abort(signal.reason);
  }

  const stop = (): void => void drain();
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });

  const workers = Array.from({ length: concurrency }, () => work());
  return { done: Promise.all(workers).then(() => undefined) };
}
