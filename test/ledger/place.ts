import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Ledger } from '#ledger/ledger.ts';
import { scratchDirectory } from '../support/scratch.ts';

/** Directories for the tests of a file, with the ledgers that are closed after each. */
export function temporaryPlace() {
  const ledgers: Ledger[] = [];

  afterEach(async () => {
    await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()));
  });

  return {
    path: () => join(scratchDirectory('ledger'), 'ledger.db'),
    keep<T extends Ledger>(ledger: T): T {
      ledgers.push(ledger);
      return ledger;
    },
  };
}
