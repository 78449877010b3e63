import { errorMessage, MangroveError } from '#errors/error.ts';
import { assertIntent, assertResult, type Intent, outcome, type Result, recordKind } from '#ledger/record.ts';

/** What is kept: a result has an outcome, an intent has none. */
export type LedgerRecord = Intent | Result;

/** One write, as the store applies it; `check` changes no record. */
export type Write = LedgerRecord | 'check';

/**
 * Writes of one commit on their way to the store's thread, in rows as they are kept: one text crosses threads and is
 * bound to a statement at the cost of a copy, where each field of each record would cost as much as the whole row.
 */
export type PackedBatch = readonly string[];

/** Bounds what has to be read for the sake of one record. */
const writesInRow = 64;

export interface BatchBuilder {
  readonly size: () => number;
  readonly add: (write: Write) => void;
  readonly pack: () => PackedBatch;
}

export function createBatch(): BatchBuilder {
  const texts: string[] = [];
  return {
    size: () => texts.length,
    add: (write) => void texts.push(JSON.stringify(write)),
    pack() {
      const rows: string[] = [];
      for (let at = 0; at < texts.length; at += writesInRow) {
        rows.push(`[${texts.slice(at, at + writesInRow).join(',')}]`);
      }
      return rows;
    },
  };
}

/** The writes of a row that comes straight from a builder, in the order in which they were added. */
export function unpackRow(row: string): readonly Write[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both ends are ours
  return JSON.parse(row) as readonly Write[];
}

export function packRow(records: readonly LedgerRecord[]): string {
  return JSON.stringify(records);
}

export function isResult(record: LedgerRecord): record is Result {
  return 'outcome' in record;
}

/** The records of a row that was on a disk in the meantime. @throws LEDGER_DAMAGED */
export function readRow(row: string): LedgerRecord[] {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every field is checked next
    return (JSON.parse(row) as readonly LedgerRecord[]).map(readRecord);
  } catch (cause) {
    const message = `a row of records is not what was written: ${errorMessage(cause)}`;
    throw new MangroveError('LEDGER_DAMAGED', message, { cause });
  }
}

function readRecord(record: LedgerRecord): LedgerRecord {
  if (isResult(record)) {
    const result: Result = {
      serial: record.serial,
      outcome: outcome(record.outcome),
      // Absent, or null where an older version left it out.
      certificateSha256: record.certificateSha256 ?? undefined,
      recordedAt: record.recordedAt,
    };
    assertResult(result);
    return result;
  }
  recordKind(record.kind);
  assertIntent(record);
  return record;
}
