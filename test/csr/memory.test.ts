import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { scratchDirectory } from '../support/scratch.ts';

const count = process.env['MANGROVE_LONG'] === undefined ? 10_000 : 100_000;
const child = new URL('memory-child.ts', import.meta.url).pathname;

test(`${count} certificates add nothing that stays`, async () => {
  const args = ['--expose-gc', child, join(scratchDirectory(), 'ledger.db'), String(count)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const added = JSON.parse(stdout) as { heapUsed: number; external: number; rss: number };
  // 100 bytes a certificate would be 1 MB, or 10; compiled code and the like come and go by less.
  expect(added.heapUsed).toBeLessThan(900_000);
  expect(added.external).toBeLessThan(900_000);
  // The allocators keep up to 100 MB of free pages for a while, after 100,000 certificates as after 300,000. A key that
  // OpenSSL would keep for each is 2 kB: 200 MB after 100,000.
  expect(added.rss).toBeLessThan(160 * 2 ** 20);
}, 300_000);
