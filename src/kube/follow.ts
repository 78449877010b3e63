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

/** @throws MangroveError KUBE_NOT_SYNCED while a first list is not complete */
export function requireSynced(watches: readonly { hasSynced(): boolean }[]): string {
  if (watches.every((watch) => watch.hasSynced())) return 'the first lists are complete';
  throw new MangroveError('KUBE_NOT_SYNCED', 'the first lists from the API server are not complete');
}
