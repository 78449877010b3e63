import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Intent, Result } from '#ledger/record.ts';
import { inScratch } from '../support/scratch.ts';

/** What stands in a ledger about one serial. */
export interface Entry extends Intent {
  /** Whose ledger. */
  readonly replica: string;
  /** Undefined for an intent that has no result. */
  readonly outcome: Result['outcome'] | undefined;
  readonly certificateSha256: string | undefined;
}

const records = 'SELECT value AS record FROM batch, json_each(records) ORDER BY batch.id, key';

/** Reads the tables of a ledger past the product's code, from a copy: looking must not repair. The replica has ended. */
export function readLedger(replica: string, path: string): Entry[] {
  return inScratch((folder) => {
    const copy = join(folder, 'ledger.db');
    for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
    const db = new DatabaseSync(copy);
    try {
      const { integrity_check: whole } = db.prepare('PRAGMA integrity_check').get() ?? {};
      if (whole !== 'ok') throw new Error(`the ledger of ${replica} is damaged: ${String(whole)}`);
      return entriesOf(replica, db);
    } finally {
      db.close();
    }
  });
}

function entriesOf(replica: string, db: DatabaseSync): Entry[] {
  // It was killed while the file was being made.
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'batch'").get() === undefined) return [];
  const bySerial = new Map<string, Entry>();
  for (const row of db.prepare(records).all()) {
    const record = JSON.parse(String(row['record'])) as Intent & Partial<Result>;
    const { serial, outcome } = record;
    const intent = bySerial.get(serial);
    if ((outcome === undefined) === (intent !== undefined)) {
      throw new Error(
        `the ledger of ${replica} has ${outcome ?? 'an intent'} of serial ${serial} twice, or first`,
      );
    }
    const { certificateSha256 } = record;
    if (intent !== undefined && intent.outcome !== undefined) {
      throw new Error(`the ledger of ${replica} has two results of serial ${serial}`);
    }
    if (intent !== undefined) bySerial.set(serial, { ...intent, outcome, certificateSha256 });
    else bySerial.set(serial, { ...record, replica, outcome, certificateSha256 });
  }
  return [...bySerial.values()];
}
