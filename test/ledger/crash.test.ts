import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { temporaryPlace } from './place.ts';

const place = temporaryPlace();
const child = new URL('ledger-child.ts', import.meta.url).pathname;

/** Runs the writing child and kills it at its `lines`th acknowledgement, or after some time when that is 0. */
async function killedAt(path: string, lines: number, delayMs: number): Promise<string[]> {
  const running = spawn(process.execPath, [child, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const output = acknowledged(running, lines);
  const timer = lines === 0 ? setTimeout(() => running.kill('SIGKILL'), delayMs) : undefined;
  await once(running, 'close');
  clearTimeout(timer);
  return output;
}

function acknowledged(running: ChildProcess, killAt: number): string[] {
  const lines: string[] = [];
  let rest = '';
  running.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    if (killAt > 0 && lines.length >= killAt) running.kill('SIGKILL');
  });
  return lines;
}

function serials(lines: readonly string[], word: string): string[] {
  return lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
}

it('keeps every acknowledged record and no result without intent, wherever a SIGKILL falls', async () => {
  const path = place.path();
  const lines: string[] = [];
  // First while the file is being made, then anywhere in the stream, always on the same file.
  for (const delayMs of [60, 90, 110, 130, 150, 180]) lines.push(...(await killedAt(path, 0, delayMs)));
  for (let kill = 0; kill < 16; kill++) lines.push(...(await killedAt(path, 1 + kill * kill * 10, 0)));
  expect(serials(lines, 'error')).toEqual([]);
  const [intents, results] = [serials(lines, 'intent'), serials(lines, 'result')];
  expect(results.length).toBeGreaterThan(1000);

  const ledger = await openSqliteLedger({ path });
  const unresolved = new Set((await ledger.unresolvedIntents(100_000)).map(({ serial }) => serial));
  const withResult = new Set(results);
  for (const serial of intents) {
    const entry = await ledger.findBySerial(serial);
    expect(entry?.intent.serial).toBe(serial);
    if (withResult.has(serial)) expect(entry?.result?.outcome).toBe('issued');
    expect(unresolved.has(serial)).toBe(entry?.result === undefined);
  }
  await ledger.close();
  expectWhole(path);
}, 120_000);

/** Looks at the tables themselves, past our own code. */
function expectWhole(path: string): void {
  const db = new DatabaseSync(path, { readOnly: true });
  db.exec(`CREATE TEMP TABLE record AS SELECT value ->> 'serial' AS serial, value ->> 'outcome' AS outcome
    FROM batch, json_each(records)`);
  const count = (sql: string): unknown => db.prepare(`SELECT count(*) AS n FROM ${sql}`).get()?.['n'];
  expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  const [intents, results] = ['record WHERE outcome IS NULL', 'record WHERE outcome IS NOT NULL'];
  expect(count(`(SELECT serial FROM ${results} AND serial NOT IN (SELECT serial FROM ${intents}))`)).toBe(0);
  for (const each of [intents, results]) {
    expect(count(`(SELECT serial FROM ${each} GROUP BY serial HAVING count(*) > 1)`)).toBe(0);
  }
  db.close();
}
