/**
 * Remembers that keys were dropped, not which: all keys that there are come by once more. So a queue of bounded size loses
 * nothing, as long as keys stand for a state that can be listed (level-triggered).
 */
export class Overflow<Key> {
  readonly #list: () => Iterable<Key>;
  /** Since the pass under way began, or since the last one. */
  #dropped = false;
  #pass: Iterator<Key> | undefined;

  /** `list` gives every key that a state stands behind. */
  constructor(list: () => Iterable<Key>) {
    this.#list = list;
  }

  /** Something is owed still. */
  get pending(): boolean {
    return this.#dropped || this.#pass !== undefined;
  }

  drop(): void {
    this.#dropped = true;
  }

  /** The next key to look at again; undefined when nothing is owed any more. */
  next(): Key | undefined {
    for (;;) {
      if (this.#pass === undefined) {
        if (!this.#dropped) return undefined;
        // One pass goes on where it stopped, or the first keys would come again and again and the last never. What is dropped
        // meanwhile may lie behind it: that takes another one.
        this.#dropped = false;
        this.#pass = this.#list()[Symbol.iterator]();
      }
      const { done, value } = this.#pass.next();
      if (done !== true) return value;
      this.#pass = undefined;
    }
  }

  clear(): void {
    this.#dropped = false;
    this.#pass = undefined;
  }
}
