import { type ObjectKey, objectKey } from '#kube/object.ts';

/** One of the two is undefined when the object appeared or disappeared. */
export type ChangeListener<T> = (previous: T | undefined, current: T | undefined, key: ObjectKey) => void;

/** What of an object decides whether two readings of it are the same. */
export interface Revision {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

interface Entry<T> extends Revision {
  readonly value: T;
  /** index name → the keys that the value stands under. */
  readonly indexed: ReadonlyMap<string, readonly string[]>;
}

/** Shared by all entries of caches that have no index: a map of its own would be a third of what a small one costs. */
const notIndexed: ReadonlyMap<string, readonly string[]> = new Map();

export type Indexers<T, Index extends string> = Readonly<Record<Index, (value: T) => readonly string[]>>;

/**
 * The newest known state of a kind of object. Read by everybody, written (`set`, `remove`) by its reflector only.
 * Values are shared: nobody may change one.
 */
export class Cache<T, Index extends string = never> {
  readonly #entries = new Map<ObjectKey, Entry<T>>();
  readonly #indexers: ReadonlyMap<string, (value: T) => readonly string[]>;
  readonly #indexes = new Map<string, Map<string, Set<ObjectKey>>>();
  readonly #listeners = new Set<ChangeListener<T>>();

  constructor(indexers?: Indexers<T, Index>) {
    this.#indexers = new Map(Object.entries<(value: T) => readonly string[]>(indexers ?? {}));
    for (const name of this.#indexers.keys()) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#entries.size;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#entries.get(objectKey(namespace, name))?.value;
  }

  getByKey(key: ObjectKey): T | undefined {
    return this.#entries.get(key)?.value;
  }

  list(): T[] {
    return Array.from(this.#entries.values(), (entry) => entry.value);
  }

  /** The values that the named indexer put under `key`. */
  index(name: Index, key: string): T[] {
    const found: T[] = [];
    for (const at of this.#indexes.get(name)?.get(key) ?? []) {
      const entry = this.#entries.get(at);
      if (entry !== undefined) found.push(entry.value);
    }
    return found;
  }

  /** Calls `listener` synchronously after each change, until the returned function is called. */
  onChange(listener: ChangeListener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  revision(key: ObjectKey): Revision | undefined {
    return this.#entries.get(key);
  }

  /**
   * Returns false, and tells nobody, when this very revision is held already. Throws what an indexer throws, with nothing
   * changed, or an AggregateError of what listeners threw, after all were called.
   */
  set(key: ObjectKey, value: T, revision: Revision): boolean {
    const previous = this.#entries.get(key);
    if (previous !== undefined && sameRevision(previous, revision)) return false;
    const indexed = this.#indexers.size === 0 ? notIndexed : this.#keysOf(value);
    if (previous !== undefined) this.#unindex(key, previous);
    this.#entries.set(key, { value, indexed, uid: revision.uid, resourceVersion: revision.resourceVersion });
    for (const [name, keys] of indexed) for (const at of keys) this.#bucket(name, at).add(key);
    this.#tell(previous?.value, value, key);
    return true;
  }

  /** Throws an AggregateError of what listeners threw, after all were called. */
  remove(key: ObjectKey): boolean {
    const previous = this.#entries.get(key);
    if (previous === undefined) return false;
    this.#unindex(key, previous);
    this.#entries.delete(key);
    this.#tell(previous.value, undefined, key);
    return true;
  }

  /** The keys that are held but not in `kept`: what a complete list no longer has. */
  missingFrom(kept: ReadonlySet<ObjectKey>): ObjectKey[] {
    return Array.from(this.#entries.keys()).filter((key) => !kept.has(key));
  }

  #keysOf(value: T): ReadonlyMap<string, readonly string[]> {
    return new Map(Array.from(this.#indexers, ([name, indexer]) => [name, indexer(value)]));
  }

  #bucket(name: string, at: string): Set<ObjectKey> {
    const index = this.#indexes.get(name) ?? new Map<string, Set<ObjectKey>>();
    const bucket = index.get(at) ?? new Set();
    index.set(at, bucket);
    return bucket;
  }

  #unindex(key: ObjectKey, entry: Entry<T>): void {
    for (const [name, keys] of entry.indexed) {
      for (const at of keys) {
        const index = this.#indexes.get(name);
        const bucket = index?.get(at);
        bucket?.delete(key);
        if (bucket?.size === 0) index?.delete(at);
      }
    }
  }

  #tell(previous: T | undefined, current: T | undefined, key: ObjectKey): void {
    const errors: unknown[] = [];
    for (const listener of this.#listeners) {
      try {
        listener(previous, current, key);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `${errors.length} listeners failed on ${key}`);
  }
}

/** Without a resourceVersion nothing is known to be the same. */
export function sameRevision(a: Revision, b: Revision): boolean {
  return a.resourceVersion !== undefined && a.resourceVersion === b.resourceVersion && a.uid === b.uid;
}
