import { hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

/** What records are found by; the number is the top of the key. */
const kinds = { serial: 0, publicKey: 1, identity: 2 } as const;

/** 36 bits of the value under its kind. Two values may share a key: whoever finds compares the value itself. */
export type LookupKey = number;

export function serialKey(serial: string): LookupKey {
  // The end, because the start may be the mark of an instance and the same for all.
  return key(kinds.serial, serial.slice(-9));
}

export function publicKeyKey(spkiSha256: string): LookupKey {
  return key(kinds.publicKey, spkiSha256.slice(0, 9));
}

export function identityKey(uri: string): LookupKey {
  return key(kinds.identity, hash('sha256', uri).slice(0, 9));
}

function key(kind: number, hex: string): LookupKey {
  return kind * 2 ** 36 + Number.parseInt(hex, 16);
}

/** In which batches a value may stand. */
export interface Lookup {
  readonly add: (key: LookupKey, batch: number) => void;
  /** Newest first. */
  readonly batches: (key: LookupKey) => Iterable<number>;
  readonly isRecent: (key: LookupKey) => boolean;
  /** Those of the keys that the file knows: one question for a whole commit. */
  readonly inFile: (keys: readonly LookupKey[]) => ReadonlySet<LookupKey>;
  /** Upkeep, once there is enough in memory: a bounded piece in a transaction of its own; true when there is more to do. */
  readonly fold: () => boolean;
}

export interface LookupSize {
  /** Entries, and batches, that are indexed in memory before they are folded into the file. */
  readonly recent: number;
  /** Entries that one piece of upkeep moves. */
  readonly slice: number;
}

/** Of 16,384 certificates, which take about 6 MB; a start after a crash reads them again in a quarter of a second. */
export const lookupSize: LookupSize = { recent: 65_536, slice: 2048 };

const select = 'SELECT batch FROM lookup WHERE key = ? ORDER BY batch DESC';

/** A key and the distance of its batch from the first one in memory are one exact number: 38 + 15 bits. */
const distances = 2 ** 15;

/** Keys of the batches that came after `base`. */
interface Generation {
  readonly base: number;
  readonly batches: Map<LookupKey, number[]>;
  entries: number;
  through: number;
}

interface Fold extends Generation {
  /** Sorted, so that each page of the table is written once. */
  readonly sorted: Float64Array;
  done: number;
}

export interface LookupOptions {
  readonly size: LookupSize;
  /** The last batch whose keys are in the file. */
  readonly indexedThrough: number;
  /** Writes what else was made of the batches up to here, in the transaction that ends a fold. */
  readonly save: (through: number) => void;
}

/**
 * Index in two levels: the keys of the newest batches in memory, folded in key order into the sorted table of the file.
 * A fold that is cut off begins again from `indexed_through`: its entries are the same, so they may repeat.
 */
export function openLookup(db: DatabaseSync, { size, indexedThrough, save }: LookupOptions): Lookup {
  const selectKeys = db.prepare('SELECT key FROM lookup WHERE key IN (SELECT value FROM json_each(?))');
  const insert = db.prepare(`INSERT OR IGNORE INTO lookup
    SELECT value / ${distances}, value % ${distances} + ?2 FROM json_each(?1)`);
  const advance = db.prepare('UPDATE state SET indexed_through = ?');
  let recent = generation(indexedThrough);
  let folding: Fold | undefined;
  let isFileEmpty = db.prepare('SELECT 1 FROM lookup').get() === undefined;

  function* batches(of: LookupKey): Generator<number> {
    let last = Number.POSITIVE_INFINITY;
    for (const { batches: held } of [recent, folding ?? recent]) {
      for (const batch of (held.get(of) ?? []).toReversed()) {
        if (batch < last) yield (last = batch);
      }
    }
    // A statement of its own: who reads one key may look up another before the end. A fold that is under way has
    // written some of what it still holds.
    for (const { batch } of db.prepare(select).iterate(of)) {
      if (Number(batch) < last) yield Number(batch);
    }
  }

  function inFile(keys: readonly LookupKey[]): Set<LookupKey> {
    if (isFileEmpty || keys.length === 0) return new Set();
    return new Set(selectKeys.all(`[${keys.join(',')}]`).map(({ key }) => Number(key)));
  }

  function fold(): boolean {
    if (folding === undefined) {
      if (!isDue()) return false;
      folding = { ...recent, sorted: sorted(recent), done: 0 };
      recent = generation(recent.through);
    }
    const { base, through, done } = folding;
    const slice = folding.sorted.subarray(done, done + size.slice);
    const isLast = done + slice.length === folding.sorted.length;
    isFileEmpty = false;
    db.exec('BEGIN IMMEDIATE');
    insert.run(`[${slice.join(',')}]`, base);
    if (isLast) {
      save(through);
      advance.run(through);
    }
    db.exec('COMMIT');
    folding.done += slice.length;
    if (isLast) folding = undefined;
    return !isLast;
  }

  function isDue(): boolean {
    return (
      recent.entries >= size.recent || recent.through - recent.base >= Math.min(size.recent, distances / 2)
    );
  }

  return {
    add(of, batch) {
      const held = recent.batches.get(of);
      if (held === undefined) recent.batches.set(of, [batch]);
      else if (held.at(-1) !== batch) held.push(batch);
      else return;
      recent.entries++;
      recent.through = batch;
    },
    batches,
    isRecent: (of) => recent.batches.has(of) || folding?.batches.has(of) === true,
    inFile,
    fold,
  };
}

function generation(base: number): Generation {
  return { base, batches: new Map(), entries: 0, through: base };
}

function sorted({ base, batches, entries }: Generation): Float64Array {
  const all = new Float64Array(entries);
  let at = 0;
  for (const [of, held] of batches) {
    for (const batch of held) {
      // Cannot be unless upkeep never ran; a wrong index must not come of it.
      if (batch - base >= distances) throw new RangeError('too many batches since the last fold');
      all[at++] = of * distances + batch - base;
    }
  }
  return all.sort();
}
