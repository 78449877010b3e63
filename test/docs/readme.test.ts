import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchDirectory } from '../support/scratch.ts';
import { blocks, readPage, section } from './support/page.ts';

const root = join(import.meta.dirname, '../..');
const readme = readPage('README.md');

test('the certificate by hand: every command of the README, one after the other, in one shell', () => {
  const folder = scratchDirectory();
  const sandbox = join(folder, 'sandbox');
  const script = blocks(section(readme, 'A certificate by hand'), 'sh')
    .join('\n')
    // Set-up has happened: this test runs after it, on its bundle.
    .replace('make setup\n', '')
    .replaceAll('bin/mangrove', join(root, 'bin/mangrove'))
    .replaceAll('/tmp/mangrove', sandbox);
  try {
    const printed = execFileSync('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(printed).toContain('web.pem: OK');
    expect(printed).toContain('URI:spiffe://east.test/ns/demo/sa/web');
    expect(existsSync(sandbox)).toBe(false);
  } finally {
    execFileSync(join(root, 'bin/mangrove'), ['sandbox', 'down', '--dir', sandbox]);
  }
}, 180_000);

test('every document that the README names exists', () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = '']) => link);
  expect(links.length).toBeGreaterThan(4);
  expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([]);
});
