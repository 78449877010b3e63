import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { migrations } from '#ledger/sqlite/schema.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { inScratch } from '../../support/scratch.ts';
import { temporaryPlace } from '../place.ts';
import { history } from './history.ts';

const place = temporaryPlace();
const child = new URL('migration-child.ts', import.meta.url).pathname;
const older = migrations.length - 1;
const statements = (migrations.at(-1) ?? '').split(';').length;

/** As the program before the last step left it. */
function olderLedger(): string {
  const path = place.path();
  const file = new URL(`fixtures/version-${older}.db.gz`, import.meta.url);
  writeFileSync(path, gunzipSync(readFileSync(file)));
  return path;
}

/** Everything that stands in a file, read from a copy: looking must not repair. */
function contentsOf(path: string): Record<string, unknown> {
  return inScratch((folder) => {
    const copy = join(folder, 'ledger.db');
    for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
    const db = new DatabaseSync(copy);
    const read = (sql: string): unknown[] => db.prepare(sql).all();
    const tables = read("SELECT name FROM sqlite_schema WHERE type = 'table'").map((row) => Object(row).name);
    const contents = Object.fromEntries(
      tables.map((name) => [String(name), read(`SELECT * FROM "${name}"`)]),
    );
    const kept = { contents, version: read('PRAGMA user_version'), check: read('PRAGMA integrity_check') };
    db.close();
    return kept;
  });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** In the middle of the transaction, with a part of it on the disk. */
async function killedBefore(statement: number, path: string): Promise<void> {
  const running = spawn(process.execPath, [child, path, String(statement)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const gone = once(running, 'exit');
  while (sizeOf(`${path}-wal`) < 2 ** 20 && running.exitCode === null) await sleep(5);
  running.kill('SIGKILL');
  expect(await gone).toEqual([null, 'SIGKILL']);
}

it.each(Array.from({ length: statements }, (_, i) => i))(
  'a migration that is killed before its statement %i leaves the ledger as it was, and the next start ends it',
  async (statement) => {
    const path = olderLedger();
    const before = contentsOf(path);
    await killedBefore(statement, path);
    expect(contentsOf(path)).toEqual(before);
    const ledger = place.keep(await openSqliteLedger({ path }));
    for (const entry of history) expect(await ledger.findBySerial(entry.intent.serial)).toEqual(entry);
    await ledger.close();
    expect(contentsOf(path)).toMatchObject({
      version: [{ user_version: migrations.length }],
      check: [{ integrity_check: 'ok' }],
    });
  },
);
