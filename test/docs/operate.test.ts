import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundlesErrors } from '#errors/bundles.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** What stands in backticks, outside of blocks. */
function quoted(path: string): string[] {
  return [...read(path).matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text);
}

/** All of the product's code, in which a text that is broken over lines is still one. */
const code = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => read(join('src', path)))
  .join('\n');

const pages = ['docs/operate.md', 'docs/security.md', 'docs/architecture.md', 'docs/install.md'];

/** Pages written by hand against those that are generated: an operator greps and alarms by these very words. */
test.each(pages)('%s names metrics and codes that there are', (page) => {
  const metrics = quoted('docs/metrics.md');
  const codes = quoted('docs/errors.md');
  const named = quoted(page);
  expect(named.filter((word) => /^mangrove_\w+$/.test(word) && !metrics.includes(word))).toEqual([]);
  expect(
    named.filter((word) => /^(?:CA|CSR|KUBE|LEDGER)_[A-Z_]+$/.test(word) && !codes.includes(word)),
  ).toEqual([]);
});

test('docs/operate.md tells what to do about reasons that there are', () => {
  const rows = [...read('docs/operate.md').matchAll(/^\| `([A-Z]\w+)` \|/gm)].map(
    ([, reason = '']) => reason,
  );
  const reasons = Object.values(bundlesErrors).map(({ reason }): string => reason);
  expect(rows.length).toBeGreaterThan(5);
  expect(rows.filter((reason) => !reasons.includes(reason))).toEqual([]);
  // Of what a target may fail with, what only waits and what another page is about are left out.
  const told = reasons.filter((reason) => reason.startsWith('Target') && reason !== 'TargetPending');
  expect(told.filter((reason) => !rows.includes(reason))).toEqual([]);
});

test('docs/operate.md quotes the log word for word', () => {
  const lines = quoted('docs/operate.md').filter((text) => /^[a-z]+(?: [a-z:,]+){2,}$/.test(text));
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.filter((line) => !code.includes(line))).toEqual([]);
});
