import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { newIntent, resultOf } from './records.ts';

/** A program that records one certificate in the ledger that its argument names. */
const ledger = await openSqliteLedger({ path: process.argv[2] ?? '' });
const intent = newIntent();
await ledger.recordIntent(intent);
await ledger.recordResult(resultOf(intent));
const entry = await ledger.findBySerial(intent.serial);
await ledger.close();
process.stdout.write(entry?.result?.outcome === 'issued' ? 'recorded and found\n' : 'not found\n');
