import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { MangroveError } from '#errors/error.ts';
import { storeFault } from '#ledger/sqlite/fault.ts';
import { applicationId, migrations } from '#ledger/sqlite/schema.ts';

export interface DatabaseOptions {
  readonly path: string;
  /** False: a missing file is an error and not a new ledger. */
  readonly create: boolean;
  /** Refuse to grow beyond; undefined = as far as the volume goes. */
  readonly maxBytes: number | undefined;
  /** Read every page before use: after damage was seen. */
  readonly verify: boolean;
}

/** An open database and the proof that its path still names it. */
export interface OpenDatabase {
  readonly db: DatabaseSync;
  /** @throws LEDGER_FILE_MISSING: SQLite would go on and write to a file that nobody will ever find again. */
  readonly assertInPlace: () => void;
}

/** Files up to this size are read whole at every start: 10 ms per 10 MB. */
const verifiedAtStart = 64 * 2 ** 20;
const pageBytes = 4096;
/** A predecessor that is just ending may hold the lock for a moment. */
const lockWaitMs = 1000;

/** @throws MangroveError LEDGER_*; whatever stands at the path is left as it was */
export function openDatabase(options: DatabaseOptions, steps: readonly string[] = migrations): OpenDatabase {
  const { path } = options;
  let db: DatabaseSync | undefined;
  try {
    if (options.create) createFile(path);
    // SQLite would open a file that it may not write, and fail later with an error of its lock.
    accessSync(path, constants.R_OK | constants.W_OK);
    db = new DatabaseSync(path, {
      timeout: lockWaitMs,
      enableForeignKeyConstraints: false,
      defensive: true,
    });
    // The lock lasts until the file is closed or the process dies, and the log's index needs no shared memory.
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    const version = recognise(db, path, steps.length);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0');
    db.exec('PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF');
    if (options.maxBytes !== undefined) {
      db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(options.maxBytes / pageBytes))}`);
    }
    migrate(db, version, steps);
    if (options.verify || statSync(path).size <= verifiedAtStart) verify(db, path);
    return { db, assertInPlace: watchPlace(path) };
  } catch (error) {
    if (db?.isOpen === true) db.close();
    throw storeFault(error, path);
  }
}

/** An empty file for us alone (SQLite gives its log the same mode), unless there is one. */
function createFile(path: string): void {
  try {
    // Exclusive, so that a file that is there is never opened: to close it again would drop every lock that this
    // process has on it (fcntl(2), "record locks"), also that of an open ledger.
    closeSync(openSync(path, 'ax', 0o600));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw error;
    throw new MangroveError('LEDGER_CANNOT_OPEN', `the directory of ledger ${path} does not exist`);
  }
}

/** Version of the file, 0 for a new one. Reads only: a stranger's file must stay as it is. */
function recognise(db: DatabaseSync, path: string, newest: number): number {
  const id = pragma(db, 'application_id');
  const version = pragma(db, 'user_version');
  if (id === 0 && version === 0 && db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined) return 0;
  if (id !== applicationId) {
    throw new MangroveError(
      'LEDGER_NOT_OURS',
      `${path} is a database of something else (application_id ${id})`,
    );
  }
  if (version > newest) {
    throw new MangroveError(
      'LEDGER_VERSION',
      `ledger ${path} has version ${version}; this program knows up to ${newest}`,
    );
  }
  return version;
}

function migrate(db: DatabaseSync, version: number, steps: readonly string[]): void {
  // Even with nothing to do: the first write takes the lock, and shows that writing is possible.
  db.exec('BEGIN EXCLUSIVE');
  for (const step of steps.slice(version)) db.exec(step);
  db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${steps.length}; COMMIT`);
}

function verify(db: DatabaseSync, path: string): void {
  const finding = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (finding !== 'ok') throw new MangroveError('LEDGER_DAMAGED', `ledger ${path}: ${String(finding)}`);
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function watchPlace(path: string): () => void {
  const files = [path, `${path}-wal`].map((file) => ({ file, ...identity(file) }));
  return () => {
    for (const { file, dev, ino } of files) {
      const now = statSync(file, { throwIfNoEntry: false });
      if (now?.ino === ino && now.dev === dev) continue;
      const what = now === undefined ? 'is gone' : 'is another file now';
      throw new MangroveError('LEDGER_FILE_MISSING', `${file} ${what}; records would be lost with it`);
    }
  };
}

function identity(file: string): { dev: number; ino: number } {
  const { dev, ino } = statSync(file);
  return { dev, ino };
}
