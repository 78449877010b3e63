import { MangroveError } from '#errors/error.ts';
import { Cache } from '#kube/cache.ts';
import type { AnyObject } from '#kube/object.ts';
import { type Reflector, type ReflectorOptions, startReflector } from '#kube/reflector.ts';

/** A kind of object and the watch that keeps it. */
export interface Followed<T> {
  readonly cache: Cache<T>;
  readonly reflector: Reflector;
}

/** A new cache and its reflector. That the first list never came because the program ends is nobody's error. */
export function follow<T>(options: Omit<ReflectorOptions<T, never, AnyObject & T>, 'cache'>): Followed<T> {
  const cache = new Cache<T>();
  const reflector = startReflector<T, never, AnyObject & T>({ ...options, cache });
  reflector.synced.catch(() => undefined);
  return { cache, reflector };
}

/** What readiness asks of a watch. */
export interface Watched extends Partial<Pick<Reflector, 'resource' | 'state'>> {
  hasSynced(): boolean;
}

/**
 * What is watched by now. A watch that failed since its first list is named and no more: what it brought stays true for a while, and
 * whether one may sign by it is for others to say. @throws MangroveError KUBE_NOT_SYNCED while a first list is not complete
 */
export function requireSynced(watches: readonly Watched[]): string {
  if (watches.every((watch) => watch.hasSynced())) return described(watches);
  throw new MangroveError('KUBE_NOT_SYNCED', 'the first lists from the API server are not complete');
}

function described(watches: readonly Watched[]): string {
  const broken = watches.flatMap(({ resource, state }) => {
    const now = state?.();
    return now === undefined || now === 'watching' ? [] : [`${resource} (${now})`];
  });
  const behind = broken.length === 0 ? '' : `; not watched at this moment: ${broken.join(', ')}`;
  return `the first lists are complete${behind}`;
}
