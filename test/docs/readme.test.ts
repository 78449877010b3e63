import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchDirectory } from '../support/scratch.ts';

const root = join(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The shell blocks below a heading, up to the next one of its level. */
function shellBlocks(heading: string): string[] {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block);
}

test('the certificate by hand: every command of the README, one after the other, in one shell', () => {
  const folder = scratchDirectory();
  const sandbox = join(folder, 'sandbox');
  const script = shellBlocks('A certificate by hand')
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
