import { hash, randomBytes } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import type { Benchmark } from './benchmark.ts';
import { inFlight } from './in-flight.ts';
import { scratchDirectory } from './scratch.ts';

const callers = 32;
/** About what an intent holds. */
const recordBytes = 450;

export const ledger: Benchmark = {
  name: 'ledger',
  unit: 'records per second',
  does: 'an intent, then its result, each on disk before the next step; 32 callers',
  against: 'plain file: 32 records appended, one fdatasync',
  target: 0.2,
  quick: true,
  pinned: false,
  async open() {
    const directory = await mkdtemp(join(scratchDirectory, 'mangrove-bench-'));
    const store = await openSqliteLedger({ path: join(directory, 'ledger.db') });
    const plain = openSync(join(directory, 'plain'), 'a');
    const block = randomBytes(callers * recordBytes);
    let records = 0;

    async function recordPair(): Promise<void> {
      const random = randomBytes(80);
      const serial = random.toString('hex', 0, 16);
      const notBefore = Math.floor(Date.now() / 1000);
      await store.recordIntent({
        serial,
        kind: 'leaf',
        authority: '5e'.repeat(20),
        issuer: 'c0'.repeat(32),
        frontDoor: 'csr',
        requestUid: '2f0f3f0e-0f7e-4b57-9d0c-6a3c1c1f5a11',
        identity: `spiffe://cluster.local/ns/default/sa/app-${records++ % 5000}`,
        spkiSha256: random.toString('hex', 16, 48),
        tbsSha256: random.toString('hex', 48),
        notBefore,
        notAfter: notBefore + 86_400,
        recordedAt: Date.now(),
      });
      const certificateSha256 = hash('sha256', serial);
      await store.recordResult({ serial, outcome: 'issued', certificateSha256, recordedAt: Date.now() });
    }

    return {
      async floor(ms) {
        const started = performance.now();
        let appended = 0;
        while (performance.now() - started < ms) {
          writeSync(plain, block);
          fdatasyncSync(plain);
          appended += callers;
        }
        return (appended * 1000) / (performance.now() - started);
      },
      async round(ms) {
        const started = performance.now();
        const pairs = await inFlight(callers, ms, recordPair);
        const seconds = (performance.now() - started) / 1000;
        return { rate: (pairs.length * 2) / seconds, latencies: pairs.map((pair) => pair / 2) };
      },
      async close() {
        await store.close();
        closeSync(plain);
        await rm(directory, { recursive: true });
      },
    };
  },
};
