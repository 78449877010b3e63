import type { Logger } from 'pino';
import { errorCode, errorMessage } from '#errors/error.ts';
import { type Backoff, backoffDelay, jittered } from '#kube/backoff.ts';
import type { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import { type Clock, pause, systemClock } from '#kube/clock.ts';
import { KubeError } from '#kube/error.ts';
import { type AnyObject, keyOf, type ObjectKey } from '#kube/object.ts';
import type { ListOptions } from '#kube/page.ts';
import type { Resource } from '#kube/resource.ts';
import { type WatchEvent, watch } from '#kube/watch.ts';

/** `gone`: the server no longer serves the resource. What is cached stays, for absence of an API deletes nothing. */
export type ReflectorState = 'listing' | 'watching' | 'failing' | 'gone';

export interface ReflectorObserver {
  /** On each change of state. */
  state?(state: ReflectorState): void;
  /** A complete list was taken in. */
  listed?(objects: number): void;
  event?(type: WatchEvent['type']): void;
  /** A list or watch failed; `code` is an error code. */
  failed?(code: string): void;
  /** An object could not be decoded, or a listener threw on its change. */
  rejected?(key: ObjectKey): void;
}

export interface ReflectorOptions<T, Index extends string, Raw extends AnyObject>
  extends Omit<ListOptions, 'signal'> {
  readonly client: KubeClient;
  readonly resource: Resource;
  readonly cache: Cache<T, Index>;
  /** Raw JSON to what is cached; undefined keeps the object out. What it throws is counted and leaves the last good value of that very object. */
  readonly transform: (raw: Raw) => T | undefined;
  readonly log: Logger;
  readonly observer?: ReflectorObserver;
  readonly signal: AbortSignal;
  readonly timing?: Partial<ReflectorTiming>;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** Milliseconds. */
export interface ReflectorTiming {
  /** A watch is ended by the server after a random time between this and its double; default 300 s. */
  readonly watchMs: number;
  /** Bookmarks come about once a minute; default 100 s. */
  readonly livenessMs: number;
  /** After failures in a row; default 250 ms to 30 s. */
  readonly backoff: Backoff;
  /** Between looks for a resource that is not served; default 30 s. */
  readonly goneMs: number;
  /** A complete list at least this often, in case that an event was lost on the way; default 30 min. */
  readonly relistMs: number;
}

export interface Reflector {
  /** After the first complete list; rejects only when the signal aborts before it. */
  readonly synced: Promise<void>;
  hasSynced(): boolean;
  /** Monotonic ms of the last byte from the server, undefined before the first. */
  lastContact(): number | undefined;
  /** When the signal has aborted and nothing runs any more. */
  readonly done: Promise<void>;
}

const defaultTiming: ReflectorTiming = {
  watchMs: 300_000,
  livenessMs: 100_000,
  backoff: { baseMs: 250, maxMs: 30_000 },
  goneMs: 30_000,
  relistMs: 30 * 60_000,
};

/** A watch that the server ends sooner than this, without a word, is a failure: or we would ask again in a tight loop. */
const shortestWatchMs = 1_000;

/** Keeps `cache` like the server's state: list, watch, and again, whatever happens, until the signal aborts. */
export function startReflector<T, Index extends string = never, Raw extends AnyObject = AnyObject>(
  options: ReflectorOptions<T, Index, Raw>,
): Reflector {
  const {
    client,
    resource,
    cache,
    signal,
    observer = {},
    clock = systemClock,
    random = Math.random,
  } = options;
  const timing = { ...defaultTiming, ...options.timing };
  const { namespace, fieldSelector, labelSelector, metadataOnly = false, limit = 500 } = options;
  const selection: ListOptions = { namespace, fieldSelector, labelSelector, metadataOnly, limit };
  const log = options.log.child({ resource: resource.plural });
  const { promise: synced, resolve: resolveSynced, reject: rejectSynced } = Promise.withResolvers<void>();
  // Whoever does not wait for it must not be ended by its rejection.
  synced.catch(() => undefined);
  const rejected = new Set<ObjectKey>();
  let state: ReflectorState | undefined;
  let everListed = false;
  let contact: number | undefined;
  let failures = 0;
  /** A list was already made in answer to a 410, and nothing went well since. */
  let relisted = false;
  /** Where to go on watching; undefined: list first. */
  let version: string | undefined;
  let listedAt = 0;

  function enter(next: ReflectorState): void {
    if (state === next) return;
    state = next;
    observer.state?.(next);
  }

  /** Whatever goes wrong with one object stays with that object: nothing thrown here may reach the stream. */
  function take(raw: AnyObject): void {
    const key = keyOf(raw);
    const { uid, resourceVersion } = raw.metadata;
    try {
      const value = options.transform(raw as Raw);
      if (value === undefined) cache.remove(key);
      else cache.set(key, value, { uid, resourceVersion });
      rejected.delete(key);
    } catch (error) {
      reject(key, error);
      const held = cache.revision(key);
      if (held !== undefined && held.uid !== uid) remove(key);
    }
  }

  function drop(key: ObjectKey): void {
    rejected.delete(key);
    remove(key);
  }

  function remove(key: ObjectKey): void {
    try {
      cache.remove(key);
    } catch (error) {
      reject(key, error);
    }
  }

  function reject(key: ObjectKey, error: unknown): void {
    observer.rejected?.(key);
    if (rejected.has(key)) return;
    rejected.add(key);
    log.warn({ key, error: errorMessage(error) }, 'an object cannot be taken in');
  }

  async function list(): Promise<void> {
    enter('listing');
    const seen = new Set<ObjectKey>();
    let next: string | undefined;
    let first: string | undefined;
    do {
      const page = await client.listPage<AnyObject>(resource, { ...selection, signal }, next);
      contact = clock.monotonic();
      first ??= page.resourceVersion;
      for (const raw of page.items) {
        seen.add(keyOf(raw));
        take(raw);
      }
      next = page.next;
    } while (next !== undefined);
    // Deletions that nobody told us of.
    for (const key of cache.missingFrom(seen)) drop(key);
    version = first;
    listedAt = clock.monotonic();
    everListed = true;
    observer.listed?.(seen.size);
    resolveSynced();
  }

  function progress(): void {
    failures = 0;
    relisted = false;
  }

  function onEvent({ type, object }: WatchEvent): void {
    progress();
    observer.event?.(type);
    if (type === 'DELETED') drop(keyOf(object));
    else if (type !== 'BOOKMARK') take(object);
    version = object.metadata.resourceVersion ?? version;
  }

  async function watchFrom(resourceVersion: string): Promise<void> {
    let opened: number | undefined;
    let events = 0;
    const lasted = (): number => (opened === undefined ? 0 : clock.monotonic() - opened);
    await watch(client, resource, {
      ...selection,
      resourceVersion,
      timeoutSeconds: Math.ceil((timing.watchMs * (1 + random())) / 1_000),
      livenessMs: timing.livenessMs,
      signal,
      onContact: () => {
        enter('watching');
        contact = clock.monotonic();
        opened ??= contact;
      },
      onEvent: (event) => {
        events++;
        onEvent(event);
      },
    }).finally(() => {
      if (lasted() >= shortestWatchMs) progress();
    });
    if (events === 0 && lasted() < shortestWatchMs) {
      throw new KubeError('KUBE_UNAVAILABLE', `watch of ${resource.plural}: ended at once, without an event`);
    }
  }

  async function recover(error: unknown): Promise<void> {
    const code = errorCode(error) ?? 'INTERNAL';
    observer.failed?.(code);
    failures++;
    if (code === 'KUBE_GONE' || code === 'KUBE_RESPONSE_INVALID') version = undefined;
    if (code === 'KUBE_PATH_NOT_FOUND' || code === 'KUBE_NOT_FOUND') {
      version = undefined;
      enter('gone');
      log.warn({ code, error: errorMessage(error) }, 'the resource is not served');
      await pause(jittered(timing.goneMs, random), signal);
      return;
    }
    // Everyday life after a compaction, or an outage with many failures before it: list at once, but not in a tight loop.
    if (code === 'KUBE_GONE' && !relisted) {
      relisted = true;
      return;
    }
    enter('failing');
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
    const delayMs = Math.max(backoffDelay(failures, timing.backoff, random), asked);
    log.warn({ code, delayMs: Math.round(delayMs), error: errorMessage(error) }, 'list or watch failed');
    await pause(delayMs, signal);
  }

  /** A fault of our own, such as an observer that throws, must not end the loop either. */
  function survive(error: unknown): Promise<void> {
    log.error({ error: errorMessage(error) }, 'the reflector failed to recover');
    return pause(timing.backoff.maxMs, signal);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        if (version === undefined || clock.monotonic() - listedAt >= timing.relistMs) await list();
        else await watchFrom(version);
      } catch (error) {
        if (!signal.aborted) await recover(error).catch(survive);
      }
    }
    rejectSynced(signal.reason);
  }

  return {
    synced,
    hasSynced: () => everListed,
    lastContact: () => contact,
    done: run(),
  };
}
