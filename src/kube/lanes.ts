/** In order of arrival. `next` sees what is added behind it; a new one for each key would pass by all that were taken before. */
interface Lane<Key> {
  readonly keys: Set<Key>;
  readonly next: SetIterator<Key>;
}

/**
 * Keys in order of arrival, in lanes that take turns: however many keys one lane holds, the next key of another waits for one
 * of each lane at most. A key is held once.
 */
export class Lanes<Key extends string> {
  readonly #laneOf: (key: Key) => string;
  /** Lanes that hold a key, the one whose turn it is first. */
  readonly #lanes = new Map<string, Lane<Key>>();
  readonly #laneByKey = new Map<Key, string>();

  constructor(laneOf: (key: Key) => string) {
    this.#laneOf = laneOf;
  }

  get size(): number {
    return this.#laneByKey.size;
  }

  has(key: Key): boolean {
    return this.#laneByKey.has(key);
  }

  /** Whether the lane of this key holds less than its share of `limit`. */
  hasShare(key: Key, limit: number): boolean {
    const held = this.#lanes.get(this.#laneOf(key))?.keys.size ?? 0;
    const lanes = held === 0 ? this.#lanes.size + 1 : this.#lanes.size;
    return held < limit / lanes;
  }

  add(key: Key): void {
    if (this.has(key)) return;
    const name = this.#laneOf(key);
    const lane = this.#lanes.get(name);
    if (lane === undefined) this.#lanes.set(name, laneFrom(key));
    else lane.keys.add(key);
    this.#laneByKey.set(key, name);
  }

  /** The next key, which is held no more. */
  take(): Key | undefined {
    const [turn] = this.#lanes;
    if (turn === undefined) return undefined;
    const [name, lane] = turn;
    const { value: key } = lane.next.next();
    this.#lanes.delete(name);
    if (key === undefined) return this.take();
    lane.keys.delete(key);
    this.#laneByKey.delete(key);
    // To the end of the row.
    if (lane.keys.size > 0) this.#lanes.set(name, lane);
    return key;
  }

  clear(): void {
    this.#lanes.clear();
    this.#laneByKey.clear();
  }
}

function laneFrom<Key>(key: Key): Lane<Key> {
  const keys = new Set([key]);
  return { keys, next: keys.values() };
}
