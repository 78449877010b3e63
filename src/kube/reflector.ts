import type { Logger } from 'pino';
import { errorCode, errorMessage } from '#errors/error.ts';
import { type Backoff, backoffDelay, jittered, spread } from '#kube/backoff.ts';
import type { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import { type Clock, pause, systemClock } from '#kube/clock.ts';
import { KubeError } from '#kube/error.ts';
import { createIntake } from '#kube/intake.ts';
import { type AnyObject, keyOf, type ObjectKey } from '#kube/object.ts';
import type { ListOptions } from '#kube/page.ts';
import type { Resource } from '#kube/resource.ts';
import { watch } from '#kube/watch.ts';
import type { WatchEvent } from '#kube/watch-event.ts';

/** `gone`: the server no longer serves the resource. What is cached stays, for absence of an API deletes nothing. */
export type ReflectorState = 'listing' | 'watching' | 'failing' | 'gone';

/** What can be asked of a reflector at any time. */
export interface ReflectorStatus {
  readonly state: () => ReflectorState;
  /** Milliseconds since the last byte from the server, or since the start when there was none. */
  readonly lagMs: () => number;
}

export interface ReflectorObserver {
  /** Once, at the start; the returned function is called when the reflector has ended. */
  started?(status: ReflectorStatus): () => void;
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
  /** Plural of the resource. */
  readonly resource: string;
  readonly state: () => ReflectorState;
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
  const onRejected = (key: ObjectKey): void => observer.rejected?.(key);
  const intake = createIntake({ cache, transform: options.transform, log, onRejected });
  const began = clock.monotonic();
  let state: ReflectorState | undefined;
  let everListed = false;
  let contact: number | undefined;
  let failures = 0;
  /** Monotonic ms of the first failure since something went well. */
  let troubled: number | undefined;
  /** The last list expired between two pages: the next one comes in one piece, or a long one would never get to its end. */
  let expired = false;
  /** What is not served may stay so for as long as the program runs: that is said once. */
  let served = true;
  /** A list was already made in answer to a 410, and nothing went well since. */
  let relisted = false;
  /** Where to go on watching; undefined: list first. */
  let version: string | undefined;
  let listedAt = 0;

  function enter(next: ReflectorState): void {
    if (state === next) return;
    state = next;
    observer.state?.(next);
    if (next !== 'watching' || troubled === undefined) return;
    log.info({ troubledMs: Math.round(clock.monotonic() - troubled), failures }, 'the watch stands again');
    troubled = undefined;
  }

  async function list(): Promise<void> {
    enter('listing');
    const seen = new Set<ObjectKey>();
    const pages: ListOptions = { ...selection, ...(expired && { limit: 0 }), signal };
    expired = false;
    let next: string | undefined;
    let first: string | undefined;
    do {
      const page = await client.listPage<AnyObject>(resource, pages, next).catch((error: unknown) => {
        expired = next !== undefined && errorCode(error) === 'KUBE_GONE';
        throw error;
      });
      contact = clock.monotonic();
      first ??= page.resourceVersion;
      for (const raw of page.items) {
        seen.add(keyOf(raw));
        intake.take(raw);
      }
      next = page.next;
    } while (next !== undefined);
    intake.keepOnly(seen);
    served = true;
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
    if (type === 'DELETED') intake.drop(keyOf(object));
    else if (type !== 'BOOKMARK') intake.take(object);
    version = object.metadata.resourceVersion ?? version;
  }

  async function watchFrom(resourceVersion: string): Promise<void> {
    let opened: number | undefined;
    let contacts = 0;
    let events = 0;
    const lasted = (): number => (opened === undefined ? 0 : clock.monotonic() - opened);
    await watch(client, resource, {
      ...selection,
      resourceVersion,
      timeoutSeconds: Math.ceil((timing.watchMs * (1 + random())) / 1_000),
      livenessMs: timing.livenessMs,
      signal,
      onContact: () => {
        contacts++;
        enter('watching');
        contact = clock.monotonic();
        opened ??= contact;
      },
      onEvent: (event) => {
        events++;
        onEvent(event);
      },
    })
      .catch((error: unknown) => {
        // Opened, and not a byte since, although bookmarks come every minute: a server that was restored from a backup takes a watch
        // from a version that it has not reached, and then says nothing for as long as that lasts (kube-apiserver 1.37).
        if (contacts === 1 && errorCode(error) === 'KUBE_TIMEOUT') version = undefined;
        throw error;
      })
      .finally(() => {
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
    troubled ??= clock.monotonic();
    if (code === 'KUBE_GONE' || code === 'KUBE_RESPONSE_INVALID') version = undefined;
    if (code === 'KUBE_PATH_NOT_FOUND' || code === 'KUBE_NOT_FOUND') {
      version = undefined;
      enter('gone');
      if (served) log.warn({ code, error: errorMessage(error) }, 'the resource is not served');
      served = false;
      await pause(jittered(timing.goneMs, random), signal);
      return;
    }
    // Everyday life after a compaction, or an outage with many failures before it: list at once, but not in a tight loop.
    if (code === 'KUBE_GONE' && !relisted) {
      relisted = true;
      log.info({ error: errorMessage(error) }, 'the version is too old: all is listed again');
      return;
    }
    enter('failing');
    const asked = spread(error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0, random);
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
    ended?.();
  }

  const status: ReflectorStatus = {
    state: () => state ?? 'listing',
    lagMs: () => clock.monotonic() - (contact ?? began),
  };
  const ended = observer.started?.(status);
  return {
    resource: resource.plural,
    state: status.state,
    synced,
    hasSynced: () => everListed,
    lastContact: () => contact,
    done: run(),
  };
}
