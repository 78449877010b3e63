import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { inFlight } from '../../bench/in-flight.ts';
import { issuanceWorkload } from '../../bench/issuance-workload.ts';

/**
 * `node --expose-gc memory-child.ts LEDGER COUNT`: issues, collects, issues COUNT more, collects, and prints how many bytes
 * that added, by where they are. What is issued before fills the ledger's index in memory, which is bounded.
 */
const [path = '', count = '0'] = process.argv.slice(2);
const ledger = await openSqliteLedger({ path });
const issue = await issuanceWorkload(ledger);
let left = 0;

async function issueMany(certificates: number): Promise<void> {
  left = certificates;
  await inFlight(32, Number.POSITIVE_INFINITY, issue, () => left-- > 0);
}

async function settled(): Promise<NodeJS.MemoryUsage> {
  // KeyObjects and Buffers free what they hold in finalizers, after the collection.
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await sleep(20);
  }
  return process.memoryUsage();
}

await issueMany(20_000);
const before = await settled();
await issueMany(Number(count));
const after = await settled();
process.stdout.write(
  JSON.stringify({
    heapUsed: after.heapUsed - before.heapUsed,
    external: after.external - before.external,
    rss: after.rss - before.rss,
  }),
);
await ledger.close();
rmSync(path, { force: true });
