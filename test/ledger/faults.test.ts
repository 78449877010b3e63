import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Ledger } from '#ledger/ledger.ts';
import { openSqliteLedger, type SqliteLedgerOptions, sqliteLedger } from '#ledger/sqlite-ledger.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { temporaryPlace } from './place.ts';
import { codeOf, newIntent, resultOf } from './records.ts';

const place = temporaryPlace();
const child = new URL('ledger-child.ts', import.meta.url).pathname;

async function open(path: string, options: Partial<SqliteLedgerOptions> = {}): Promise<Ledger> {
  return place.keep(await openSqliteLedger({ path, ...options }));
}

/** Until the ledger works again: after a fault it is opened anew once in a second. */
async function recovered(ledger: Ledger): Promise<void> {
  await expect.poll(() => codeOf(ledger.check()), { timeout: 15_000, interval: 50 }).toBeUndefined();
}

/** Rights mean nothing to root: become somebody for whom they do. */
function asOrdinaryUser(): () => void {
  if (process.geteuid?.() !== 0) return () => undefined;
  process.seteuid?.(65_534);
  const back = () => process.seteuid?.(0);
  onTestFinished(back);
  return back;
}

describe('a ledger that is open elsewhere', () => {
  it('is refused by a second process and by a second ledger of the same one, and let go at the end', async () => {
    const path = place.path();
    const first = await open(path);
    expect(await codeOf(openSqliteLedger({ path }))).toBe('LEDGER_LOCKED');
    const second = spawn(process.execPath, [child, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect((await second.stdout.setEncoding('utf8').toArray()).join('')).toBe('error LEDGER_LOCKED\n');
    await first.check();
    await first.close();
    await open(path);
  });

  it('is taken over as soon as the other process is killed', async () => {
    const path = place.path();
    const other = spawn(process.execPath, [child, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(other.stdout, 'data');
    const waiting = place.keep(sqliteLedger({ path }));
    expect(await codeOf(waiting.check())).toBe('LEDGER_LOCKED');
    other.kill('SIGKILL');
    await recovered(waiting);
    expect((await waiting.unresolvedIntents(1)).length).toBeLessThanOrEqual(1);
  });
});

describe('a volume at fault', () => {
  it('full: nothing more is recorded, what was recorded stays, and a larger one takes records again', async () => {
    const path = place.path();
    const ledger = await open(path, { maxBytes: 160 * 1024 });
    const acknowledged = [];
    let code: string | undefined;
    for (let i = 0; i < 200 && code === undefined; i++) {
      const intents = Array.from({ length: 20 }, () => newIntent());
      const codes = await Promise.all(intents.map((intent) => codeOf(ledger.recordIntent(intent))));
      acknowledged.push(...intents.filter((_, at) => codes[at] === undefined));
      code = codes.find((one) => one !== undefined);
    }
    expect(code).toBe('LEDGER_FULL');
    await ledger.close();
    const larger = await open(path);
    const held = await larger.unresolvedIntents(10_000);
    expect(held).toEqual(acknowledged);
    await larger.recordIntent(newIntent());
  });

  it.runIf(process.platform === 'linux')(
    'refuses to write on: the running process answers with errors, and goes on when it may write again',
    async () => {
      const path = place.path();
      // A limit on the size of any file, in units of 512 bytes, that the parent may lift: a quota anyone can have.
      const limited = spawn(
        'sh',
        ['-c', `ulimit -S -f 1200; exec "$0" "$@"`, process.execPath, child, path],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      onTestFinished(() => void limited.kill('SIGKILL'));
      const lines: string[] = [];
      let failed = 0;
      for await (const line of linesOf(limited.stdout.setEncoding('utf8'))) {
        lines.push(line);
        if (line.startsWith('error') && failed++ === 0) {
          execFileSync('prlimit', ['--pid', String(limited.pid), '--fsize=unlimited']);
        }
        if (
          failed > 0 &&
          lines.slice(-50).every((one) => one.startsWith('intent') || one.startsWith('result'))
        )
          break;
      }
      const codes = new Set(lines.filter((line) => line.startsWith('error ')).map((line) => line.slice(6)));
      expect([...codes].toSorted().join()).toMatch(/^(LEDGER_FULL|LEDGER_IO)(,LEDGER_IO)?$/);
      const ledger = place.keep(sqliteLedger({ path }));
      await recovered(ledger);
      for (const line of lines.filter((one) => one.startsWith('intent '))) {
        const serial = line.slice(7);
        expect((await ledger.findBySerial(serial))?.intent.serial).toBe(serial);
      }
    },
    60_000,
  );

  it('read-only: says so before anything is signed, and works once it is writable', async () => {
    const home = scratchDirectory();
    chmodSync(home, 0o755);
    const directory = join(home, 'volume');
    const ledger = place.keep(sqliteLedger({ path: join(directory, 'ledger.db') }));
    expect(await codeOf(ledger.check())).toBe('LEDGER_CANNOT_OPEN');
    mkdirSync(directory);
    chmodSync(directory, 0o555);
    const back = asOrdinaryUser();
    await expect
      .poll(() => codeOf(ledger.recordIntent(newIntent())), { timeout: 5000 })
      .toBe('LEDGER_READ_ONLY');
    back();
    chmodSync(directory, 0o755);
    await recovered(ledger);
  });
});

describe('a file that is taken away', () => {
  it('moved: no record is acknowledged any more; put back, it goes on with all that it held', async () => {
    const path = place.path();
    const ledger = await open(path);
    const before = newIntent();
    await ledger.recordIntent(before);
    const away = join(dirname(path), 'away.db');
    renameSync(path, away);
    expect(await codeOf(ledger.recordIntent(newIntent()))).toBe('LEDGER_FILE_MISSING');
    expect(await codeOf(ledger.recordResult(resultOf(before)))).toBe('LEDGER_FILE_MISSING');
    expect(await codeOf(ledger.check())).toBe('LEDGER_FILE_MISSING');
    renameSync(away, path);
    await recovered(ledger);
    expect((await ledger.findBySerial(before.serial))?.intent).toEqual(before);
  });

  it('deleted: the running process does not begin an empty one', async () => {
    const path = place.path();
    const ledger = await open(path);
    rmSync(path);
    rmSync(`${path}-wal`);
    expect(await codeOf(ledger.check())).toBe('LEDGER_FILE_MISSING');
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(await codeOf(ledger.check())).toBe('LEDGER_FILE_MISSING');
  });

  it('its log deleted: noticed before the next acknowledgement', async () => {
    const path = place.path();
    const ledger = await open(path);
    rmSync(`${path}-wal`);
    expect(await codeOf(ledger.recordIntent(newIntent()))).toBe('LEDGER_FILE_MISSING');
    await recovered(ledger);
  });
});

describe('a damaged file', () => {
  async function damaged(): Promise<{ path: string; whole: Buffer }> {
    const path = place.path();
    const ledger = await openSqliteLedger({ path });
    await Promise.all(Array.from({ length: 300 }, () => ledger.recordIntent(newIntent())));
    await ledger.close();
    const whole = readFileSync(path);
    writeFileSync(path, Buffer.from(whole).fill(0x5a, 4096 * 6, 4096 * 20));
    return { path, whole };
  }

  it('is not opened, and is as it was before once a backup is in its place', async () => {
    const { path, whole } = await damaged();
    const ledger = place.keep(sqliteLedger({ path }));
    expect(await codeOf(ledger.recordIntent(newIntent()))).toBe('LEDGER_DAMAGED');
    expect(await codeOf(ledger.findBySerial('01'))).toBe('LEDGER_DAMAGED');
    writeFileSync(path, whole);
    await recovered(ledger);
    expect((await ledger.unresolvedIntents(1000)).length).toBe(300);
  });
});

describe('the thread that owns the store', () => {
  function watchedWorkers(): Worker[] {
    const workers: Worker[] = [];
    const note = (worker: Worker) => void workers.push(worker);
    process.on('worker', note);
    onTestFinished(() => void process.off('worker', note));
    return workers;
  }

  it('dies: everything under way is rejected, and the next request finds a new thread and all records', async () => {
    const workers = watchedWorkers();
    const ledger = await open(place.path());
    const before = newIntent();
    await ledger.recordIntent(before);
    const intents = Array.from({ length: 2000 }, () => newIntent());
    const codes = Promise.all(intents.map((intent) => codeOf(ledger.recordIntent(intent))));
    await new Promise((resolve) => setImmediate(resolve));
    await workers[0]?.terminate();
    expect(new Set(await codes)).toEqual(new Set(['LEDGER_UNAVAILABLE']));
    expect((await ledger.findBySerial(before.serial))?.intent).toEqual(before);
    const after = newIntent();
    await ledger.recordIntent(after);
    expect(workers.length).toBe(2);
    // Each of the lost ones stands whole or not at all, and those that stand are reported.
    const unresolved = await ledger.unresolvedIntents(5000);
    expect(unresolved[0]).toEqual(before);
    expect(unresolved.at(-1)).toEqual(after);
    expect([2, 2002]).toContain(unresolved.length);
  });

  it('dies, and the file is gone when the next one starts: that is a loss and no first start', async () => {
    const workers = watchedWorkers();
    const path = place.path();
    const ledger = await open(path);
    await workers[0]?.terminate();
    rmSync(path);
    expect(await codeOf(ledger.recordIntent(newIntent()))).toBe('LEDGER_FILE_MISSING');
    expect(workers.length).toBe(2);
  });

  it('begins a ledger at last when the first requests were reads that found no directory', async () => {
    const workers = watchedWorkers();
    const directory = join(scratchDirectory(), 'later');
    const ledger = place.keep(sqliteLedger({ path: join(directory, 'ledger.db') }));
    expect(await codeOf(ledger.findBySerial('01'))).toBe('LEDGER_CANNOT_OPEN');
    await workers[0]?.terminate();
    mkdirSync(directory);
    await ledger.recordIntent(newIntent());
  });

  it('does not come back in time: requests fail instead of waiting, and work again when it does', async () => {
    const slow = place.keep(sqliteLedger({ path: place.path(), timeoutMs: 1 }));
    // To start a thread takes longer than a millisecond on any machine.
    expect(await codeOf(slow.recordIntent(newIntent()))).toBe('LEDGER_TIMEOUT');
    expect(await codeOf(slow.recordIntent(newIntent()))).toBe('LEDGER_TIMEOUT');
    await recovered(slow);
  });
});

describe('many requests', () => {
  it('share commits: five hundred at once take a few', async () => {
    const commits: number[] = [];
    const observer = { committed: (records: number) => void commits.push(records), failed: () => undefined };
    const ledger = await open(place.path(), { observer });
    commits.length = 0;
    await Promise.all(Array.from({ length: 500 }, () => ledger.recordIntent(newIntent())));
    expect(commits.reduce((sum, records) => sum + records, 0)).toBe(500);
    expect(commits.length).toBeLessThanOrEqual(3);
  });

  it('beyond the bound are refused at once, and room comes back', async () => {
    const codes: string[] = [];
    const observer = { committed: () => undefined, failed: (code: string) => void codes.push(code) };
    const ledger = await open(place.path(), { maxWaiting: 10, observer });
    const results = await Promise.all(
      Array.from({ length: 25 }, () => codeOf(ledger.recordIntent(newIntent()))),
    );
    expect(results.filter((code) => code === undefined).length).toBe(10);
    expect(results.filter((code) => code === 'LEDGER_BUSY').length).toBe(15);
    await ledger.recordIntent(newIntent());
    expect((await ledger.unresolvedIntents(100)).length).toBe(11);
  });
});

async function* linesOf(stream: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}
