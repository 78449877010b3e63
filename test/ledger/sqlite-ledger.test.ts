import { join } from 'node:path';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { ledgerContract } from './contract.ts';

ledgerContract('node:sqlite', () => {
  const path = join(scratchDirectory('ledger'), 'ledger.db');
  return () => openSqliteLedger({ path });
});
