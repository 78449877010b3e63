import type { Logger } from 'pino';
import { errorMessage } from '#errors/error.ts';
import type { Cache } from '#kube/cache.ts';
import { type AnyObject, keyOf, type ObjectKey } from '#kube/object.ts';

export interface IntakeOptions<T, Index extends string, Raw extends AnyObject> {
  readonly cache: Cache<T, Index>;
  /** See ReflectorOptions. */
  readonly transform: (raw: Raw) => T | undefined;
  readonly log: Logger;
  readonly onRejected: (key: ObjectKey) => void;
}

/** From what the server says to what the cache holds. Whatever goes wrong with one object stays with that object: nothing is thrown. */
export interface Intake {
  take(raw: AnyObject): void;
  drop(key: ObjectKey): void;
  /** A complete list was taken: what is not in it was deleted, and nobody told us. */
  keepOnly(listed: ReadonlySet<ObjectKey>): void;
}

export function createIntake<T, Index extends string, Raw extends AnyObject>(
  options: IntakeOptions<T, Index, Raw>,
): Intake {
  const { cache, log } = options;
  const rejected = new Set<ObjectKey>();

  function reject(key: ObjectKey, error: unknown): void {
    options.onRejected(key);
    if (rejected.has(key)) return;
    rejected.add(key);
    log.warn({ key, error: errorMessage(error) }, 'an object cannot be taken in');
  }

  function remove(key: ObjectKey): void {
    try {
      cache.remove(key);
    } catch (error) {
      reject(key, error);
    }
  }

  function drop(key: ObjectKey): void {
    rejected.delete(key);
    remove(key);
  }

  return {
    drop,
    take(raw) {
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
    },
    keepOnly(listed) {
      for (const key of cache.missingFrom(listed)) drop(key);
      // Of what was never held, for nobody could read it.
      for (const key of rejected) if (!listed.has(key)) rejected.delete(key);
    },
  };
}
