import type { DatabaseSync } from 'node:sqlite';
import type { Intent, RecordKind } from '#ledger/record.ts';

/** What the batches amount to, so that nobody has to read them all again. */
export interface Standing {
  readonly begin: (intent: Intent, batch: number) => void;
  readonly settle: (serial: string) => void;
  /** The batch of an intent that has no result. */
  readonly unresolvedSince: (serial: string) => number | undefined;
  /** Serial and batch of each intent that has no result, oldest first. */
  readonly unresolved: () => Iterable<readonly [serial: string, batch: number]>;
  readonly newestNotAfter: (authority: string, kind: RecordKind) => number | undefined;
  /** Writes what it holds for the batches up to here; later ones are read again at the next start. */
  readonly save: (through: number) => void;
}

/** In memory, with what was saved last; the batches after that are told again by the caller. */
export function openStanding(db: DatabaseSync): Standing {
  const unresolved = new Map<string, number>();
  const newest = new Map<string, NewestRow>();
  /** Serials that the file's table holds. */
  const saved = new Set<string>();
  const insert = db.prepare('INSERT INTO unresolved VALUES (?, ?)');
  const remove = db.prepare('DELETE FROM unresolved WHERE serial = ?');
  const upsert = db.prepare(`INSERT INTO newest VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET not_after = max(not_after, excluded.not_after)`);

  for (const row of db.prepare('SELECT serial, batch FROM unresolved ORDER BY rowid').iterate()) {
    const serial = String(row['serial']);
    unresolved.set(serial, Number(row['batch']));
    saved.add(serial);
  }
  for (const row of db.prepare('SELECT authority, kind, not_after FROM newest').iterate()) {
    raise(String(row['authority']), String(row['kind']), Number(row['not_after']));
  }

  function raise(authority: string, kind: string, notAfter: number): void {
    const name = `${kind} ${authority}`;
    const known = newest.get(name);
    if (known === undefined) newest.set(name, { authority, kind, notAfter });
    else if (known.notAfter < notAfter) known.notAfter = notAfter;
  }

  return {
    begin({ serial, authority, kind, notAfter }, batch) {
      unresolved.set(serial, batch);
      raise(authority, kind, notAfter);
    },
    settle: (serial) => void unresolved.delete(serial),
    unresolvedSince: (serial) => unresolved.get(serial),
    unresolved: () => unresolved,
    newestNotAfter: (authority, kind) => newest.get(`${kind} ${authority}`)?.notAfter,
    save(through) {
      for (const serial of saved) {
        if (unresolved.has(serial)) continue;
        remove.run(serial);
        saved.delete(serial);
      }
      for (const [serial, batch] of unresolved) {
        if (batch > through || saved.has(serial)) continue;
        insert.run(serial, batch);
        saved.add(serial);
      }
      for (const { authority, kind, notAfter } of newest.values()) upsert.run(authority, kind, notAfter);
    },
  };
}

interface NewestRow {
  readonly authority: string;
  readonly kind: string;
  notAfter: number;
}
