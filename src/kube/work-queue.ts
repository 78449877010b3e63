import type { Logger } from 'pino';
import { type Backoff, backoffDelay, jittered, spread } from '#kube/backoff.ts';
import { Lanes } from '#kube/lanes.ts';
import { Overflow } from '#kube/overflow.ts';

export interface Timer {
  /** Monotonic ms. */
  now(): number;
  /** Runs `task` once, after `ms`, unless the returned function is called before. */
  after(ms: number, task: () => void): () => void;
}

export interface QueueObserver {
  /** Once, when the queue is made: the keys that wait to be handed out can be asked for. */
  made?(depth: () => number): void;
  /** A key was added again after a failure or for later. */
  delayed?(delayMs: number): void;
  /** A key did not fit: it comes again by `relist`. */
  dropped?(): void;
}

export interface WorkQueueOptions<Key extends string = string> {
  /**
   * Every key that a state stands behind. With it the queue is bounded: what does not fit is dropped, and once there is room all of these
   * come by again. Without it there is no bound.
   */
  readonly relist?: () => Iterable<Key>;
  /** Keys that wait to be handed out, and as many again that wait for their time; default 10,000. */
  readonly limit?: number;
  /** Whose key it is: these take turns. By default all keys are of one. */
  readonly laneOf?: (key: Key) => string;
  readonly log?: Logger;
  /** After failures in a row of one key; default 5 ms to 5 min. */
  readonly backoff?: Backoff;
  readonly random?: () => number;
  readonly timer?: Timer;
  readonly observer?: QueueObserver;
}

const systemTimer: Timer = {
  now: () => performance.now(),
  after: (ms, task) => {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Keys to be worked on, in order of arrival, one of each lane in turn. A key waits at most once however often it is added, and is never handed out while it
 * is being worked on: added meanwhile, it comes again after `done`. So workers may run side by side and no change is lost.
 */
export class WorkQueue<Key extends string = string> {
  readonly #backoff: Backoff;
  readonly #random: () => number;
  readonly #timer: Timer;
  readonly #observer: QueueObserver;
  readonly #log: Logger | undefined;
  readonly #limit: number;
  readonly #overflow: Overflow<Key> | undefined;
  /** Ends the wait for the pass that brings back what should have come later and did not fit. */
  #cancelPass: (() => void) | undefined;
  readonly #ready: Lanes<Key>;
  readonly #running = new Set<Key>();
  /** Added while running. */
  readonly #again = new Set<Key>();
  readonly #delayed = new Map<Key, { readonly due: number; readonly cancel: () => void }>();
  readonly #failures = new Map<Key, number>();
  readonly #takers: ((key: Key | undefined) => void)[] = [];
  #closed = false;
  readonly #drained = Promise.withResolvers<void>();

  constructor(options: WorkQueueOptions<Key> = {}) {
    this.#backoff = options.backoff ?? { baseMs: 5, maxMs: 5 * 60_000 };
    this.#random = options.random ?? Math.random;
    this.#timer = options.timer ?? systemTimer;
    this.#observer = options.observer ?? {};
    this.#log = options.log;
    this.#limit = options.limit ?? 10_000;
    this.#ready = new Lanes(options.laneOf ?? (() => ''));
    this.#overflow = options.relist === undefined ? undefined : new Overflow(options.relist);
    this.#observer.made?.(() => this.depth);
  }

  /** Keys that wait to be handed out now. */
  get depth(): number {
    return this.#ready.size;
  }

  add(key: Key): void {
    if (this.#closed) return;
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#push(key);
  }

  /** Adds after `ms`. A key that waits already comes at the earlier of the two moments. */
  addAfter(key: Key, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const due = this.#timer.now() + ms;
    const waiting = this.#delayed.get(key);
    if (waiting !== undefined && waiting.due <= due) return;
    if (waiting === undefined && this.#overflow !== undefined && this.#delayed.size >= this.#limit) {
      this.#dropDelayed(key);
      return;
    }
    waiting?.cancel();
    const cancel = this.#timer.after(Math.min(ms, maxTimerMs), () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { due, cancel });
    this.#observer.delayed?.(ms);
  }

  /** Adds after the key's backoff, which grows until `forget`, but not before `atLeastMs`. Returns the delay in ms. */
  addRateLimited(key: Key, atLeastMs = 0): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const asked = spread(atLeastMs, this.#random);
    const delayMs = Math.max(backoffDelay(failures, this.#backoff, this.#random), asked);
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** Adds after the longest backoff: for what only a change by somebody else can mend. Returns the delay in ms. */
  addSlowly(key: Key): number {
    const delayMs = jittered(this.#backoff.maxMs, this.#random);
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The key's backoff begins anew. */
  forget(key: Key): void {
    this.#failures.delete(key);
  }

  failures(key: Key): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, waiting for one; undefined when the queue was shut down and is empty. Each key must be given back with `done`. */
  get(): Promise<Key | undefined> {
    const key = this.#ready.take();
    if (key !== undefined) {
      this.#running.add(key);
      this.#refill();
      return Promise.resolve(key);
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: Key): void {
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#push(key);
    this.#settle();
  }

  /**
   * Takes no more keys and forgets the delayed ones; those that wait now are still handed out, or dropped too when
   * `discard` is set. Resolves when all that was handed out was given back.
   */
  shutdown(options: { readonly discard?: boolean } = {}): Promise<void> {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#cancelPass?.();
    this.#overflow?.clear();
    if (options.discard === true) {
      this.#ready.clear();
      this.#again.clear();
    }
    for (const take of this.#takers.splice(0)) take(undefined);
    this.#settle();
    return this.#drained.promise;
  }

  #push(key: Key): void {
    const take = this.#takers.shift();
    if (take !== undefined) {
      this.#running.add(key);
      take(key);
      return;
    }
    if (this.#overflow !== undefined && this.#ready.size >= this.#limit && !this.#holds(key)) {
      this.#drop(key, this.#overflow);
      return;
    }
    this.#ready.add(key);
  }

  /** Also when it is full: what waits already, and what somebody else's keys must not keep out. */
  #holds(key: Key): boolean {
    return this.#ready.has(key) || this.#ready.hasShare(key, this.#limit);
  }

  #drop(key: Key, overflow: Overflow<Key>): void {
    if (!overflow.pending) {
      this.#log?.warn({ limit: this.#limit }, 'the work queue is full: what does not fit comes again later');
    }
    overflow.drop();
    // Its backoff begins anew: what is not held must not be counted either.
    this.#failures.delete(key);
    this.#observer.dropped?.();
  }

  /** Not at once: room among the delayed does not come by handing out keys that fail. */
  #dropDelayed(key: Key): void {
    this.#failures.delete(key);
    this.#observer.dropped?.();
    if (this.#cancelPass !== undefined) return;
    const ms = jittered(this.#backoff.maxMs, this.#random);
    this.#log?.warn({ limit: this.#limit, ms }, 'too many keys wait for their time: the rest comes later');
    this.#cancelPass = this.#timer.after(ms, () => {
      this.#cancelPass = undefined;
      this.#overflow?.drop();
      this.#refill();
    });
  }

  /** At most half full, so that what is added now need not wait for all that was dropped before. */
  #refill(): void {
    const overflow = this.#overflow;
    if (overflow?.pending !== true || this.#closed) return;
    while (this.#ready.size < this.#limit / 2) {
      const key = overflow.next();
      if (key === undefined) {
        this.#log?.info('what did not fit into the work queue has come again');
        return;
      }
      if (!this.#delayed.has(key)) this.add(key);
    }
  }

  #settle(): void {
    if (this.#closed && this.#ready.size === 0 && this.#running.size === 0) this.#drained.resolve();
  }
}

/** setTimeout fires at once for more; a key that comes early is reconciled for nothing, no harm. */
const maxTimerMs = 2 ** 31 - 1;
