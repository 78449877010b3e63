import type { DatabaseSync } from 'node:sqlite';
import { isResult, type LedgerRecord, packRow, readRow } from '#ledger/batch.ts';
import type { Intent, LedgerEntry, Result } from '#ledger/record.ts';
import {
  identityKey,
  type Lookup,
  type LookupSize,
  openLookup,
  publicKeyKey,
  serialKey,
} from '#ledger/sqlite/lookup.ts';
import { openStanding, type Standing } from '#ledger/sqlite/standing.ts';

/** Every record there is, by the row that it stands in. */
export interface Records {
  readonly lookup: Lookup;
  readonly standing: Standing;
  /** Into the row that is being made. */
  readonly add: (record: LedgerRecord) => void;
  /** Writes that row, if there is anything in it; `text` where the caller has it already. */
  readonly writeRow: (text: string | undefined) => void;
  readonly find: (serial: string) => LedgerEntry | undefined;
  /** Newest first. */
  readonly findByPublicKey: (spkiSha256: string, limit: number) => LedgerEntry[];
  readonly findByIdentity: (uri: string, limit: number) => LedgerEntry[];
  /** Oldest first. */
  readonly unresolvedIntents: (limit: number) => Intent[];
}

const rowsReadAtOnce = 256;

/** A result so few rows after its intent is found from there: a quarter of the index is saved, for nearly all are. */
const nearRows = 8;

function isNear(intent: number | undefined, result: number): boolean {
  return intent !== undefined && result - intent <= nearRows;
}

export function openRecords(db: DatabaseSync, size: LookupSize): Records {
  const indexedThrough = Number(db.prepare('SELECT indexed_through AS n FROM state').get()?.['n']);
  const standing = openStanding(db);
  const lookup = openLookup(db, { size, indexedThrough, save: standing.save });
  const insert = db.prepare('INSERT INTO batch VALUES (?, ?)');
  const select = db.prepare('SELECT records FROM batch WHERE id = ?');
  let writing: LedgerRecord[] = [];
  let nextBatch = restore() + 1;
  /** Rows never change. */
  let lastRead: { readonly batch: number; readonly records: readonly LedgerRecord[] } | undefined;

  /** What the indexes do not hold yet: the newest rows, and after a migration the whole file. */
  function restore(): number {
    const after = db.prepare('SELECT id, records FROM batch WHERE id > ? ORDER BY id LIMIT ?');
    let last = indexedThrough;
    for (;;) {
      const rows = after.all(last, rowsReadAtOnce);
      if (rows.length === 0) return last;
      for (const row of rows) {
        last = Number(row['id']);
        for (const record of readRow(String(row['records']))) index(record, last);
      }
      while (lookup.fold());
    }
  }

  function index(record: LedgerRecord, batch: number): void {
    const { serial } = record;
    if (isResult(record)) {
      if (!isNear(standing.unresolvedSince(serial), batch)) lookup.add(serialKey(serial), batch);
      standing.settle(serial);
      return;
    }
    lookup.add(serialKey(serial), batch);
    lookup.add(publicKeyKey(record.spkiSha256), batch);
    lookup.add(identityKey(record.identity), batch);
    standing.begin(record, batch);
  }

  function recordsOf(batch: number): readonly LedgerRecord[] {
    if (batch === nextBatch) return writing;
    if (lastRead?.batch !== batch) {
      lastRead = { batch, records: readRow(String(select.get(batch)?.['records'])) };
    }
    return lastRead.records;
  }

  function find(serial: string): LedgerEntry | undefined {
    let result: Result | undefined;
    for (const batch of lookup.batches(serialKey(serial))) {
      for (const record of recordsOf(batch)) {
        if (record.serial !== serial) continue;
        if (!isResult(record)) return { intent: record, result: result ?? resultNear(batch, serial) };
        result = record;
      }
    }
    return undefined;
  }

  function resultNear(intent: number, serial: string): Result | undefined {
    if (standing.unresolvedSince(serial) !== undefined) return undefined;
    for (let batch = intent; batch <= Math.min(intent + nearRows, nextBatch); batch++) {
      for (const record of recordsOf(batch)) {
        if (record.serial === serial && isResult(record)) return record;
      }
    }
    return undefined;
  }

  function search(key: number, isWanted: (intent: Intent) => boolean, limit: number): LedgerEntry[] {
    const serials: string[] = [];
    for (const batch of lookup.batches(key)) {
      const wanted = recordsOf(batch).filter((record) => !isResult(record) && isWanted(record));
      serials.push(...wanted.map(({ serial }) => serial).toReversed());
      if (serials.length >= limit) break;
    }
    return serials
      .slice(0, limit)
      .map(find)
      .filter((entry) => entry !== undefined);
  }

  return {
    lookup,
    standing,
    add(record) {
      // At once: the next write of the same row may be about the same serial.
      writing.push(record);
      index(record, nextBatch);
    },
    writeRow(text) {
      if (writing.length === 0) return;
      insert.run(nextBatch++, text ?? packRow(writing));
      writing = [];
    },
    find,
    findByPublicKey: (spki, limit) =>
      search(publicKeyKey(spki), ({ spkiSha256 }) => spkiSha256 === spki, limit),
    findByIdentity: (uri, limit) => search(identityKey(uri), ({ identity }) => identity === uri, limit),
    unresolvedIntents(limit) {
      const intents: Intent[] = [];
      for (const [serial, batch] of standing.unresolved()) {
        if (intents.length >= limit) break;
        for (const record of recordsOf(batch)) {
          if (record.serial === serial && !isResult(record)) intents.push(record);
        }
      }
      return intents;
    },
  };
}
