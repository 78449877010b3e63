import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { ErrorCode } from '#errors/error.ts';
import type { Write } from '#ledger/batch.ts';
import {
  type Intent,
  type LedgerEntry,
  outcome,
  type RecordKind,
  type Result,
  recordKind,
} from '#ledger/record.ts';
import type { OpenDatabase } from '#ledger/sqlite/database.ts';
import {
  blobOf,
  hexOf,
  identityKey,
  intentsByKey,
  type LookupSize,
  lookupSize,
  openLookup,
  publicKeyKey,
  serialKey,
} from '#ledger/sqlite/lookup.ts';

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

/** The ledger as one thread sees it. Whatever it throws, the database must be closed and opened again. */
export interface Store {
  /** All writes in one transaction, on the disk when this returns; but for those that are refused. */
  readonly commit: (writes: readonly Write[]) => Refusal[];
  /** One entry or none. */
  readonly findBySerial: (serial: string) => LedgerEntry[];
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

const entryColumns = `SELECT i.*, r.outcome, r.certificate_sha256, r.recorded_at AS result_at
  FROM intent i LEFT JOIN result r ON r.intent = i.id`;

export function openStore({ db, assertInPlace }: OpenDatabase, size: LookupSize = lookupSize): Store {
  const lookup = openLookup(db, size);
  const newest = openNewest(db);
  const begin = db.prepare('BEGIN IMMEDIATE');
  const end = db.prepare('COMMIT');
  const idOfSerial = db.prepare(`SELECT id FROM intent WHERE id IN (${intentsByKey}) AND serial = ?2`);
  const insertIntent = db.prepare('INSERT INTO intent VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const insertUnresolved = db.prepare('INSERT INTO unresolved VALUES (?)');
  const insertResult = db.prepare('INSERT OR IGNORE INTO result VALUES (?, ?, ?, ?)');
  const sameResult = db.prepare(
    'SELECT 1 FROM result WHERE intent = ? AND outcome = ? AND certificate_sha256 IS ?',
  );
  const deleteUnresolved = db.prepare('DELETE FROM unresolved WHERE intent = ?');
  const proveWritable = db.prepare('UPDATE state SET checks = checks + 1');
  const bySerial = db.prepare(`${entryColumns} WHERE i.id IN (${intentsByKey}) AND i.serial = ?2`);
  const byPublicKey = db.prepare(
    `${entryColumns} WHERE i.id IN (${intentsByKey}) AND i.spki_sha256 = ?2 ORDER BY i.id DESC LIMIT ?3`,
  );
  const byIdentity = db.prepare(
    `${entryColumns} WHERE i.id IN (${intentsByKey}) AND i.identity = ?2 ORDER BY i.id DESC LIMIT ?3`,
  );
  const unresolved = db.prepare(
    'SELECT i.* FROM unresolved u JOIN intent i ON i.id = u.intent ORDER BY u.intent LIMIT ?',
  );
  const logSize = db.prepare('PRAGMA wal_checkpoint(NOOP)');
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');

  function idOf(serial: string): number | undefined {
    const id = idOfSerial.get(serialKey(serial), blobOf(serial))?.['id'];
    return id === undefined ? undefined : Number(id);
  }

  function appendIntent(intent: Intent): RefusalCode | undefined {
    if (idOf(intent.serial) !== undefined) return 'LEDGER_SERIAL_EXISTS';
    const { lastInsertRowid } = insertIntent.run(
      blobOf(intent.serial),
      intent.kind,
      intent.authority,
      intent.issuer,
      intent.frontDoor,
      intent.requestUid,
      intent.identity,
      blobOf(intent.spkiSha256),
      blobOf(intent.tbsSha256),
      intent.notBefore,
      intent.notAfter,
      intent.recordedAt,
    );
    const id = Number(lastInsertRowid);
    insertUnresolved.run(id);
    lookup.add(id, serialKey(intent.serial), publicKeyKey(intent.spkiSha256), identityKey(intent.identity));
    newest.raise(intent.authority, intent.kind, intent.notAfter);
    return undefined;
  }

  function appendResult(result: Result): RefusalCode | undefined {
    const id = idOf(result.serial);
    if (id === undefined) return 'LEDGER_INTENT_MISSING';
    const digest = result.certificateSha256 === undefined ? null : blobOf(result.certificateSha256);
    if (insertResult.run(id, result.outcome, digest, result.recordedAt).changes === 0) {
      return sameResult.get(id, result.outcome, digest) === undefined ? 'LEDGER_RESULT_EXISTS' : undefined;
    }
    deleteUnresolved.run(id);
    return undefined;
  }

  function apply(write: Write, index: number): Refusal | undefined {
    if (write.op === 'check') {
      proveWritable.run();
      return undefined;
    }
    const code = write.op === 'intent' ? appendIntent(write.intent) : appendResult(write.result);
    const { serial } = write.op === 'intent' ? write.intent : write.result;
    return code === undefined ? undefined : refusal(index, code, serial);
  }

  return {
    commit(writes) {
      const refusals: Refusal[] = [];
      begin.run();
      for (const [index, write] of writes.entries()) {
        const refused = apply(write, index);
        if (refused !== undefined) refusals.push(refused);
      }
      end.run();
      // Only now: before the commit the answer could be out of date when it matters.
      assertInPlace();
      return refusals;
    },
    findBySerial: (serial) => bySerial.all(serialKey(serial), blobOf(serial)).map(entryOf),
    findByPublicKey: (spki, limit) => byPublicKey.all(publicKeyKey(spki), blobOf(spki), limit).map(entryOf),
    findByIdentity: (uri, limit) => byIdentity.all(identityKey(uri), uri, limit).map(entryOf),
    newestNotAfter: newest.get,
    unresolvedIntents: (limit) => unresolved.all(limit).map(intentOf),
    tidy() {
      const more = lookup.fold();
      const { log, checkpointed } = logSize.get() ?? {};
      if (Number(log) - Number(checkpointed) >= checkpointPages) checkpoint.run();
      return more;
    },
    close: () => db.close(),
  };
}

/** Newest notAfter per authority and kind, changed in the transaction of the intent that moves it. */
function openNewest(db: DatabaseSync) {
  const select = db.prepare('SELECT not_after FROM newest WHERE authority = ? AND kind = ?');
  const upsert = db.prepare(`INSERT INTO newest VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET not_after = max(not_after, excluded.not_after)`);
  let known = { authority: '', kind: '', notAfter: 0 };

  function get(authority: string, kind: RecordKind): number | undefined {
    const value = select.get(authority, kind)?.['not_after'];
    return value === undefined ? undefined : Number(value);
  }
  function raise(authority: string, kind: RecordKind, notAfter: number): void {
    // Certificates of one second share their notAfter: most records change nothing.
    if (known.authority === authority && known.kind === kind && known.notAfter >= notAfter) return;
    upsert.run(authority, kind, notAfter);
    known = { authority, kind, notAfter };
  }
  return { get, raise };
}

type Row = Record<string, SQLOutputValue>;

function intentOf(row: Row): Intent {
  return {
    serial: hexOf(row['serial']),
    kind: recordKind(String(row['kind'])),
    authority: String(row['authority']),
    issuer: String(row['issuer']),
    frontDoor: String(row['front_door']),
    requestUid: String(row['request_uid']),
    identity: String(row['identity']),
    spkiSha256: hexOf(row['spki_sha256']),
    tbsSha256: hexOf(row['tbs_sha256']),
    notBefore: Number(row['not_before']),
    notAfter: Number(row['not_after']),
    recordedAt: Number(row['recorded_at']),
  };
}

function entryOf(row: Row): LedgerEntry {
  const intent = intentOf(row);
  if (row['outcome'] === null) return { intent, result: undefined };
  const digest = row['certificate_sha256'];
  const result: Result = {
    serial: intent.serial,
    outcome: outcome(String(row['outcome'])),
    certificateSha256: digest === null ? undefined : hexOf(digest),
    recordedAt: Number(row['result_at']),
  };
  return { intent, result };
}

function refusal(index: number, code: RefusalCode, serial: string): Refusal {
  return { index, code, message: `serial ${serial} ${refusalReasons[code]}` };
}
