import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { type DatabaseOptions, openDatabase } from '#ledger/sqlite/database.ts';
import { migrations } from '#ledger/sqlite/schema.ts';
import { openStore } from '#ledger/sqlite/store.ts';
import { temporaryPlace } from '../place.ts';
import { newIntent, packed } from '../records.ts';

const place = temporaryPlace();

function options(path: string): DatabaseOptions {
  return { path, create: true, maxBytes: undefined, verify: false };
}

function refusal(path: string, steps?: readonly string[]): unknown {
  try {
    openDatabase(options(path), steps).db.close();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return 'opened';
}

async function ledgerWith(count: number): Promise<string> {
  const path = place.path();
  const store = openStore(openDatabase(options(path)));
  store.commit(packed(...Array.from({ length: count }, () => newIntent())));
  store.close();
  return path;
}

describe('a file that is not ours is refused and left as it is', () => {
  it.each([
    ['a note', Buffer.from('remember the milk')],
    ['a long text', Buffer.from('0123456789abcdef'.repeat(2048))],
    ['zeros', Buffer.alloc(8192)],
  ])('%s', async (_, content) => {
    const path = place.path();
    writeFileSync(path, content);
    expect(refusal(path)).toBe('LEDGER_NOT_OURS');
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it.each(['DELETE', 'WAL'])('a database of somebody else, in journal mode %s', async (mode) => {
    const path = place.path();
    const other = new DatabaseSync(path);
    other.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)`);
    other.close();
    const before = readFileSync(path);
    expect(refusal(path)).toBe('LEDGER_NOT_OURS');
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('a directory', async () => {
    const path = place.path();
    mkdirSync(path);
    expect(refusal(path)).toBe('LEDGER_CANNOT_OPEN');
  });
});

it('begins a new ledger in an empty file, readable by its owner alone', async () => {
  const path = place.path();
  expect(refusal(path)).toBe('opened');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const empty = place.path();
  writeFileSync(empty, '');
  expect(refusal(empty)).toBe('opened');
});

it('does not begin a ledger where there should be one', async () => {
  const path = place.path();
  expect(() => openDatabase({ ...options(path), create: false })).toThrow(
    expect.objectContaining({ code: 'LEDGER_FILE_MISSING' }),
  );
  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
});

describe('versions', () => {
  const next = [...migrations, 'ALTER TABLE batch ADD COLUMN note TEXT'];

  it('refuses a ledger that a newer program wrote, and leaves it to that one', async () => {
    const path = place.path();
    expect(refusal(path, next)).toBe('opened');
    const before = readFileSync(path);
    expect(refusal(path)).toBe('LEDGER_VERSION');
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(refusal(path, next)).toBe('opened');
  });

  it('brings an older ledger up to date with everything in it', async () => {
    const path = await ledgerWith(3);
    const { db } = openDatabase(options(path), next);
    expect(db.prepare('SELECT count(*) AS n FROM batch WHERE note IS NULL').get()).toEqual({ n: 1 });
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: migrations.length + 1 });
    db.close();
  });

  it('leaves an older ledger at its version when a step fails', async () => {
    const path = await ledgerWith(3);
    expect(refusal(path, [...next, 'CREATE TABLE half (a); SELECT broken'])).toBe('LEDGER_IO');
    const { db } = openDatabase(options(path));
    expect(db.prepare('SELECT count(*) AS n FROM batch').get()).toEqual({ n: 1 });
    expect(() => db.prepare('SELECT note FROM batch')).toThrow('no such column');
    db.close();
  });
});

it('reads every page before it trusts a file', async () => {
  const path = await ledgerWith(200);
  const content = readFileSync(path);
  content.fill(0xff, 4096 * 8, 4096 * 9);
  writeFileSync(path, content);
  expect(refusal(path)).toBe('LEDGER_DAMAGED');
});
