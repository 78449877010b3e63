import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/security.md'), 'utf8');

/** The rows of the tables that have a column for tests: threat and that column. */
const threats = page.split('\n\n').flatMap((block) => {
  const [head = '', , ...rows] = block.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  const column = Array.isArray(head) ? head.indexOf('tests') : -1;
  return column < 0 ? [] : rows.map((cells) => [cells[1] ?? '', cells[column] ?? ''] as const);
});

const sections = page.split('\n### ').slice(1);

test('every table below a heading of threats has a column for tests', () => {
  expect(sections.length).toBeGreaterThan(2);
  expect(threats.length).toBeGreaterThan(20);
  for (const section of sections) expect(section.split('\n')[2]).toContain('| tests |');
});

test.each(threats)('%s: a test covers it, or it is said why none does', (_threat, tests) => {
  const named = [...tests.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
  if (named.length === 0) expect(tests).toMatch(/^not covered: .{10,}/);
  for (const path of named) {
    expect(path).toMatch(/^test\/.*\.test\.ts$/);
    expect(existsSync(join(root, path)), path).toBe(true);
  }
});

test('every file that the page names exists', () => {
  const named = [...page.matchAll(/`((?:src|test|manifests|bin|docs)\/[^`]+)`/g)].map(
    ([, path = '']) => path,
  );
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
