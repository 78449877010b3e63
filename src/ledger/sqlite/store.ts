import type { ErrorCode } from '#errors/error.ts';
import { isResult, type LedgerRecord, type PackedBatch, unpackRow, type Write } from '#ledger/batch.ts';
import type { Intent, LedgerEntry, RecordKind } from '#ledger/record.ts';
import type { OpenDatabase } from '#ledger/sqlite/database.ts';
import { type LookupSize, lookupSize, serialKey } from '#ledger/sqlite/lookup.ts';
import { openRecords } from '#ledger/sqlite/records.ts';

/** One write of a commit that was not made, while its neighbours were. */
export interface Refusal {
  readonly index: number;
  readonly code: RefusalCode;
  readonly message: string;
}

const refusalReasons = {
  LEDGER_SERIAL_EXISTS: 'was used before',
  LEDGER_INTENT_MISSING: 'has no intent',
  LEDGER_RESULT_EXISTS: 'has a different result already',
} as const satisfies Partial<Record<ErrorCode, string>>;

type RefusalCode = keyof typeof refusalReasons;

/** What becomes of a write. */
type Verdict = RefusalCode | 'new' | 'held';

/** The ledger as one thread sees it. Whatever it throws, the database must be closed and opened again. */
export interface Store {
  /** All writes in one transaction, on the disk when this returns; but for those that are refused. */
  readonly commit: (rows: PackedBatch) => Refusal[];
  readonly findBySerial: (serial: string) => LedgerEntry | undefined;
  readonly findByPublicKey: (spkiSha256: string, limit: number) => LedgerEntry[];
  readonly findByIdentity: (uri: string, limit: number) => LedgerEntry[];
  readonly newestNotAfter: (authority: string, kind: RecordKind) => number | undefined;
  readonly unresolvedIntents: (limit: number) => Intent[];
  /** A bounded piece of upkeep between commits; true when there is more to do. */
  readonly tidy: () => boolean;
  readonly close: () => void;
}

/** Pages in the log that make it worth copying them into the file (SQLite's own default). */
const checkpointPages = 1000;
/** To ask for its size costs as much as a small commit: only after about so many pages more. */
const measuredPages = 200;
/** Of a commit beside its text: the top of the table, and what is only half full. */
const pagesBeside = 3;
const pageBytes = 4096;

export function openStore({ db, assertInPlace }: OpenDatabase, size: LookupSize = lookupSize): Store {
  const records = openRecords(db, size);
  const { lookup, standing } = records;
  const begin = db.prepare('BEGIN IMMEDIATE');
  const end = db.prepare('COMMIT');
  const proveWritable = db.prepare('UPDATE state SET checks = checks + 1');
  const logSize = db.prepare('PRAGMA wal_checkpoint(NOOP)');
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
  /** Pages written since the log was last measured, by estimate; at the start it may be of any length. */
  let unmeasured = measuredPages;
  /** The last piece of upkeep was not the last one; each writes pages all over the table. */
  let folding = false;

  function judge(record: LedgerRecord, inFile: ReadonlySet<number>): Verdict {
    const { serial } = record;
    if (!isResult(record)) {
      const key = serialKey(serial);
      if (!lookup.isRecent(key) && !inFile.has(key)) return 'new';
      return records.find(serial) === undefined ? 'new' : 'LEDGER_SERIAL_EXISTS';
    }
    if (standing.unresolvedSince(serial) !== undefined) return 'new';
    const entry = records.find(serial);
    if (entry === undefined) return 'LEDGER_INTENT_MISSING';
    const { outcome, certificateSha256 } = record;
    const isSame = entry.result?.outcome === outcome && entry.result.certificateSha256 === certificateSha256;
    return isSame ? 'held' : 'LEDGER_RESULT_EXISTS';
  }

  /** Writes one row and returns the number of its writes; what is refused is told. */
  function writeRow(row: string, refuse: (at: number, code: RefusalCode, serial: string) => void): number {
    const writes = unpackRow(row);
    const inFile = lookup.inFile(serialKeys(writes));
    let isWhole = true;
    for (const [at, write] of writes.entries()) {
      const verdict = write === 'check' ? 'held' : judge(write, inFile);
      if (write === 'check') proveWritable.run();
      else if (verdict === 'new') records.add(write);
      else if (verdict !== 'held') refuse(at, verdict, write.serial);
      isWhole &&= verdict === 'new';
    }
    records.writeRow(isWhole ? row : undefined);
    return writes.length;
  }

  return {
    commit(rows) {
      const refusals: Refusal[] = [];
      let before = 0;
      begin.run();
      for (const row of rows) {
        unmeasured += pagesBeside + row.length / pageBytes;
        before += writeRow(row, (at, code, serial) => {
          const message = `serial ${serial} ${refusalReasons[code]}`;
          refusals.push({ index: before + at, code, message });
        });
      }
      end.run();
      // Only now: before the commit the answer could be out of date when it matters.
      assertInPlace();
      return refusals;
    },
    findBySerial: records.find,
    findByPublicKey: records.findByPublicKey,
    findByIdentity: records.findByIdentity,
    newestNotAfter: standing.newestNotAfter,
    unresolvedIntents: records.unresolvedIntents,
    tidy() {
      const more = lookup.fold();
      if (!more && !folding && unmeasured < measuredPages) return false;
      folding = more;
      unmeasured = 0;
      const { log, checkpointed } = logSize.get() ?? {};
      if (Number(log) - Number(checkpointed) >= checkpointPages) checkpoint.run();
      return more;
    },
    close: () => db.close(),
  };
}

function serialKeys(writes: readonly Write[]): number[] {
  const keys: number[] = [];
  for (const write of writes) {
    if (write !== 'check' && !isResult(write)) keys.push(serialKey(write.serial));
  }
  return keys;
}
