import type { Logger } from 'pino';
import { readOnce } from '#bundles/controller/read-once.ts';
import type { Gate } from '#bundles/controller/selection.ts';
import { MANAGED_BY, MANAGED_BY_LABEL } from '#bundles/target/cluster-trust-bundle.ts';
import { errorMessage, MangroveError } from '#errors/error.ts';
import { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import { type Clock, pause } from '#kube/clock.ts';
import { type Discovery, discover } from '#kube/discovery.ts';
import type { ClusterTrustBundle, ObjectKey } from '#kube/object.ts';
import { type Reflector, type ReflectorObserver, startReflector } from '#kube/reflector.ts';
import {
  apiVersion,
  atVersion,
  clusterTrustBundles,
  clusterTrustBundleVersions,
  type Resource,
} from '#kube/resource.ts';

export interface ServedApiOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly observer: ReflectorObserver;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timing: ServedApiTiming;
  /** An object changed; without a name, what is served changed, or the first complete list came in. */
  readonly onChange: (name?: ObjectKey) => void;
  /** What no source selected for so long is not kept; ms. */
  readonly idleMs: number;
  readonly gate: Gate;
}

/** Milliseconds. */
export interface ServedApiTiming {
  /** Between two looks for the version that is served, while all is well. */
  readonly discoveryMs: number;
  /** The same while it is absent or unknown, and the least time between two looks that a 404 asks for. */
  readonly absentMs: number;
  readonly recheckMs: number;
}

/** ClusterTrustBundles as the API server serves them now: at which version, and what there is. */
export interface ServedApi {
  /**
   * At the version that is served.
   * @throws MangroveError BUNDLE_API_ABSENT, BUNDLE_API_UNKNOWN
   */
  resource(): Resource;
  /** The API server was found to serve none; while that is unknown it is not. */
  isAbsent(): boolean;
  /** Complete as of the last contact; undefined before the first list, and while nothing is served. */
  cache(): Cache<ClusterTrustBundle> | undefined;
  /**
   * With its content, which the cache holds of our own only.
   * @throws MangroveError BUNDLE_SOURCE_UNREADABLE
   */
  whole(object: ClusterTrustBundle): Promise<ClusterTrustBundle>;
  /** Keeps no content of others: nobody here publishes for now. */
  forget(): void;
  /** Monotonic ms of the last word from the server on that cache. */
  lastContact(): number | undefined;
  /** False until the first answer, good or bad: before it a status would report a fault of every start. */
  answered(): boolean;
  /** A 404 was seen: look again soon. */
  recheck(): void;
  /** When the signal has aborted and nothing runs any more. */
  readonly done: Promise<void>;
}

/** Watching at one version, until the server serves another. */
interface Generation {
  readonly version: string;
  readonly resource: Resource;
  readonly cache: Cache<ClusterTrustBundle>;
  readonly reflector: Reflector;
  stop(): void;
}

/**
 * Finds the version, follows it, and finds it again every few minutes and after a 404: the API may be switched on, off or
 * to another version under us. Unknown changes nothing: an outage is no absence.
 */
export function startServedApi(options: ServedApiOptions): ServedApi {
  const { client, log, signal, timing } = options;
  const { group, plural } = clusterTrustBundles;
  let known: Discovery = { state: 'unknown', cause: new Error('not asked yet') };
  let generation: Generation | undefined;
  let answered = false;
  let asked = Promise.withResolvers<void>();
  const strangers = readOnce({
    kind: 'ClusterTrustBundle',
    gate: options.gate,
    clock: options.clock,
    idleMs: options.idleMs,
    fetch: ({ metadata: { name } }: ClusterTrustBundle) =>
      client.get<ClusterTrustBundle>(generation?.resource ?? clusterTrustBundles, name, { signal }),
  });

  function adopt(found: Discovery): void {
    if (found.state === 'unknown') {
      log.warn(
        { error: errorMessage(found.cause), known: known.state },
        'ClusterTrustBundle discovery failed',
      );
      if (known.state === 'unknown') known = found;
      noteAnswer();
      return;
    }
    const version = found.state === 'served' ? found.version : undefined;
    const changed = known.state === 'unknown' || version !== generation?.version;
    known = found;
    if (!changed) return;
    generation?.stop();
    generation = version === undefined ? undefined : follow(version);
    log.info({ version: version ?? 'none' }, 'ClusterTrustBundle API version');
    if (generation === undefined) answered = true;
    options.onChange();
  }

  function noteAnswer(): void {
    if (answered) return;
    answered = true;
    options.onChange();
  }

  function follow(version: string): Generation {
    const stopped = new AbortController();
    const resource = atVersion(clusterTrustBundles, version);
    const cache = new Cache<ClusterTrustBundle>();
    const reflector = startReflector<ClusterTrustBundle, never, ClusterTrustBundle>({
      client,
      resource,
      cache,
      transform: withoutBallast,
      log,
      clock: options.clock,
      observer: { ...options.observer, state: onState, failed: onFailure },
      signal: AbortSignal.any([signal, stopped.signal]),
    });
    cache.onChange((_previous, current, key) => {
      if (current === undefined) strangers.forget(key);
      if (reflector.hasSynced()) options.onChange(key);
    });
    void greet(reflector);
    return { version, resource, cache, reflector, stop: () => stopped.abort() };
  }

  async function greet(reflector: Reflector): Promise<void> {
    try {
      await reflector.synced;
    } catch {
      // It was stopped before.
      return;
    }
    answered = true;
    options.onChange();
  }

  function onState(state: Parameters<NonNullable<ReflectorObserver['state']>>[0]): void {
    options.observer.state?.(state);
    if (state === 'gone') recheck();
  }

  function onFailure(code: string): void {
    options.observer.failed?.(code);
    noteAnswer();
  }

  function recheck(): void {
    asked.resolve();
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      asked = Promise.withResolvers();
      try {
        adopt(await discover(client, group, plural, clusterTrustBundleVersions, signal));
      } catch (error) {
        if (!signal.aborted) log.error({ error: errorMessage(error) }, 'ClusterTrustBundle discovery failed');
      }
      await pause(timing.recheckMs, signal);
      await rest();
    }
    generation?.stop();
    await generation?.reflector.done;
  }

  /** Until the next look is due, or somebody saw a 404. */
  async function rest(): Promise<void> {
    const ms = known.state === 'served' ? timing.discoveryMs : timing.absentMs;
    const rested = new AbortController();
    const due = pause(Math.max(0, ms - timing.recheckMs), AbortSignal.any([signal, rested.signal]));
    await Promise.race([due, asked.promise]);
    rested.abort();
  }

  return {
    resource() {
      if (generation !== undefined) return generation.resource;
      throw known.state === 'absent'
        ? new MangroveError('BUNDLE_API_ABSENT', 'the API server serves no ClusterTrustBundle')
        : new MangroveError(
            'BUNDLE_API_UNKNOWN',
            `whether the API server serves ClusterTrustBundle is not known: ${errorMessage(known.state === 'unknown' ? known.cause : undefined)}`,
          );
    },
    isAbsent: () => known.state === 'absent',
    cache: () => (generation?.reflector.hasSynced() === true ? generation.cache : undefined),
    whole: async (object) => (isOurs(object) ? object : strangers.read(object)),
    forget: () => strangers.forget(),
    answered: () => answered,
    lastContact: () => generation?.reflector.lastContact(),
    recheck,
    done: run(),
  };
}

/**
 * Strangers' bundles are up to 1 MiB each: of them only the metadata is kept, so that a target name that is taken is
 * seen; what a source names is read when it is asked for. Nor does anybody here read managedFields.
 */
function withoutBallast(object: ClusterTrustBundle): ClusterTrustBundle {
  const metadata = { ...object.metadata };
  Reflect.deleteProperty(metadata, 'managedFields');
  return { ...object, metadata, spec: isOurs(object) ? object.spec : { ...object.spec, trustBundle: '' } };
}

function isOurs({ metadata }: ClusterTrustBundle): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY;
}

/** `certificates.k8s.io/v1` of what is served, for the status. */
export function servedVersion(api: ServedApi): string | undefined {
  try {
    return apiVersion(api.resource());
  } catch {
    return undefined;
  }
}
