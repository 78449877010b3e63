import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { ledgerContract } from './contract.ts';

ledgerContract('node:sqlite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mangrove-ledger-'));
  return {
    open: () => openSqliteLedger({ path: join(directory, 'ledger.db') }),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
});
