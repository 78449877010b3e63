import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Ledger } from '#ledger/ledger.ts';

/** A directory for one test, with the ledgers that are closed before it is removed. */
export function temporaryPlace() {
  const directories: string[] = [];
  const ledgers: Ledger[] = [];

  afterEach(async () => {
    await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()));
    for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
  });

  return {
    async directory(): Promise<string> {
      const directory = await mkdtemp(join(tmpdir(), 'mangrove-ledger-'));
      directories.push(directory);
      return directory;
    },
    async path(): Promise<string> {
      return join(await this.directory(), 'ledger.db');
    },
    keep<T extends Ledger>(ledger: T): T {
      ledgers.push(ledger);
      return ledger;
    },
  };
}
