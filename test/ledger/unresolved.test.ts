import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { MangroveError } from '#errors/error.ts';
import type { Intent } from '#ledger/record.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { reportUnresolved } from '#ledger/unresolved.ts';
import { temporaryPlace } from './place.ts';
import { newIntent, resultOf } from './records.ts';

const place = temporaryPlace();

/** What was counted, and the serials that were logged. */
async function reported(unresolvedIntents: () => Promise<Intent[]>, now: number, signal?: AbortSignal) {
  const counts: number[] = [];
  const serials: string[] = [];
  const log = pino({ level: 'warn' }, { write: note });
  function note(line: string): void {
    const { serial } = JSON.parse(line) as { readonly serial?: string };
    if (serial !== undefined) serials.push(serial);
  }
  await reportUnresolved({
    ledger: { unresolvedIntents },
    log,
    onUnresolved: (count) => counts.push(count),
    now: () => now,
    signal: signal ?? AbortSignal.timeout(10_000),
    retryMs: 10,
  });
  return { counts, serials };
}

test('what was begun and not ended is told by serial, until it has expired', async () => {
  const path = place.path();
  const [done, lost] = [newIntent(), newIntent()];
  const before = await openSqliteLedger({ path });
  for (const intent of [done, lost]) await before.recordIntent(intent);
  await before.recordResult(resultOf(done));
  await before.close();
  const ledger = await openSqliteLedger({ path });
  const read = () => ledger.unresolvedIntents();
  const alive = (lost.notAfter - 1) * 1000;
  expect(await reported(read, alive)).toEqual({ counts: [1], serials: [lost.serial] });
  expect(await reported(read, alive + 1000)).toEqual({ counts: [0], serials: [] });
  await ledger.close();
});

test('a ledger that cannot be read yet stops nobody, and is read later', async () => {
  const stop = new AbortController();
  const lost = newIntent();
  let left = 3;
  const { counts, serials } = await reported(
    async () => {
      if (left === 0) return [lost];
      left -= 1;
      throw new MangroveError('LEDGER_UNAVAILABLE', 'not yet');
    },
    0,
    stop.signal,
  );
  expect(left).toBe(2);
  while (counts.length === 0) await sleep(5);
  expect({ counts, serials }).toEqual({ counts: [1], serials: [lost.serial] });
  stop.abort();
});
