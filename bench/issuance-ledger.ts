import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import type { Benchmark } from './benchmark.ts';
import { inFlight } from './in-flight.ts';
import { issuanceWorkload } from './issuance-workload.ts';
import { cpuSeconds } from './measure.ts';
import { issuanceFloor } from './openssl.ts';
import { scratchDirectory } from './scratch.ts';

export const issuanceLedger: Benchmark = {
  name: 'issuance-ledger',
  unit: 'certificates per CPU second',
  does: 'issuance with its intent and its result on disk, 32 in flight; CPU of all threads counted',
  against: 'OpenSSL alone: one P-256 verify and one sign, nothing recorded',
  target: 0.4,
  quick: true,
  pinned: false,
  async open() {
    const directory = await mkdtemp(join(scratchDirectory, 'mangrove-bench-'));
    const ledger = await openSqliteLedger({ path: join(directory, 'ledger.db') });
    const issue = await issuanceWorkload(ledger);
    return {
      floor: issuanceFloor,
      async round(ms) {
        const cpu = cpuSeconds();
        const latencies = await inFlight(32, ms, issue);
        return { rate: latencies.length / (cpuSeconds() - cpu), latencies };
      },
      async close() {
        await ledger.close();
        await rm(directory, { recursive: true });
      },
    };
  },
};
