import { hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

/** What intents are found by; the number is the top of the key. */
const kinds = { serial: 1, publicKey: 2, identity: 3 } as const;

/** 48 bits of the value under its kind, as an exact number. Two values may share a key: readers compare the value itself. */
export type LookupKey = number;

export function serialKey(serial: string): LookupKey {
  // The end, because the start may be the mark of an instance and the same for all.
  return key(kinds.serial, serial.slice(-12));
}

export function publicKeyKey(spkiSha256: string): LookupKey {
  return key(kinds.publicKey, spkiSha256.slice(0, 12));
}

export function identityKey(uri: string): LookupKey {
  return key(kinds.identity, hash('sha256', uri).slice(0, 12));
}

function key(kind: number, hex: string): LookupKey {
  return kind * 2 ** 48 + Number.parseInt(hex, 16);
}

const aboveAllKeys = 4 * 2 ** 48;

/** SELECT of the ids of intents with key ?1, to stand after IN. */
export const intentsByKey =
  'SELECT intent FROM temp.recent WHERE key = ?1 UNION ALL SELECT intent FROM main.lookup WHERE key = ?1';

export interface Lookup {
  /** Within the transaction that appends the intent. */
  readonly add: (intent: number, serial: LookupKey, publicKey: LookupKey, identity: LookupKey) => void;
  /** A bounded piece of upkeep in a transaction of its own; true when there is more to do. */
  readonly fold: () => boolean;
}

export interface LookupSize {
  /** Intents that are indexed in memory before they are folded into the file. */
  readonly recent: number;
  /** Entries that one piece of upkeep moves. */
  readonly slice: number;
}

/** 16,384 intents take about 4 MB, and a start after a crash reads them again in a quarter of a second. */
export const lookupSize: LookupSize = { recent: 16_384, slice: 512 };

/**
 * Index in two levels: a sorted table in memory for the newest intents, folded in key order into the sorted table of
 * the file. A fold that is cut off begins again from `indexed_through`: its entries are the same, so they may repeat.
 */
export function openLookup(db: DatabaseSync, size: LookupSize): Lookup {
  db.exec(`CREATE TABLE temp.recent (
    key INTEGER NOT NULL, intent INTEGER NOT NULL, PRIMARY KEY (key, intent)
  ) WITHOUT ROWID, STRICT`);
  const insert = db.prepare('INSERT INTO temp.recent VALUES (?1, ?4), (?2, ?4), (?3, ?4)');
  const sliceEnd = db.prepare(
    'SELECT key, intent FROM temp.recent WHERE intent <= ? ORDER BY key, intent LIMIT 1 OFFSET ?',
  );
  // By both columns: one identity may have any number of entries, all of the same key.
  const slice = '(key, intent) <= (?1, ?2) AND intent <= ?3';
  const copy = db.prepare(
    `INSERT OR IGNORE INTO main.lookup SELECT key, intent FROM temp.recent WHERE ${slice} ORDER BY key, intent`,
  );
  const drop = db.prepare(`DELETE FROM temp.recent WHERE ${slice}`);
  const newestIntent = db.prepare('SELECT max(id) AS id FROM intent');
  const advance = db.prepare('UPDATE state SET indexed_through = ?');

  let newest = 0;
  let indexedThrough = 0;
  let foldingThrough: number | undefined;
  restore();

  function restore(): void {
    indexedThrough = Number(db.prepare('SELECT indexed_through FROM state').get()?.['indexed_through']);
    newest = indexedThrough;
    const rows = db.prepare('SELECT id, serial, spki_sha256, identity FROM intent WHERE id > ?');
    db.exec('BEGIN');
    for (const row of rows.iterate(indexedThrough)) {
      add(
        Number(row['id']),
        serialKey(hexOf(row['serial'])),
        publicKeyKey(hexOf(row['spki_sha256'])),
        identityKey(String(row['identity'])),
      );
    }
    db.exec('COMMIT');
  }

  function add(intent: number, serial: LookupKey, publicKey: LookupKey, identity: LookupKey): void {
    insert.run(serial, publicKey, identity, intent);
    newest = intent;
  }

  function fold(): boolean {
    if (foldingThrough === undefined && newest - indexedThrough < size.recent) return false;
    // From the table: a count kept here might be ahead of it, and what lies between would never be indexed.
    const through = (foldingThrough ??= Number(newestIntent.get()?.['id'] ?? 0));
    db.exec('BEGIN IMMEDIATE');
    const end = sliceEnd.get(through, size.slice - 1);
    const last = [Number(end?.['key'] ?? aboveAllKeys), Number(end?.['intent'] ?? 0)] as const;
    copy.run(...last, through);
    drop.run(...last, through);
    if (end === undefined) advance.run(through);
    db.exec('COMMIT');
    if (end === undefined) {
      indexedThrough = through;
      foldingThrough = undefined;
    }
    return end !== undefined;
  }

  return { add, fold };
}

/** A column of type BLOB, which arrives as a plain Uint8Array. */
export function hexOf(column: unknown): string {
  if (!(column instanceof Uint8Array)) throw new TypeError('a BLOB was expected');
  return Buffer.from(column.buffer, column.byteOffset, column.length).toString('hex');
}

/** What goes into a column of type BLOB. */
export function blobOf(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}
