import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '#sandbox/package-root.ts';
import { docs, readPage } from './support/page.ts';

const page = readPage('docs/comparison.md');
const rows = [...page.matchAll(/^\| (\d+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(
  ([, number = '', wish = '', here = '']) => ({ number: Number(number), wish, here }),
);

test('has fifteen wishes, in their order', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
});

test.each(rows)('wish $number says how far it is met, and names what comes later', ({ here }) => {
  expect(here).toMatch(/^(?:Met|In part|Not yet|Not met)\b/);
  if (!here.startsWith('Met')) {
    expect(here).toMatch(/rotation|federation|Java formats|injection|SigningPolicy|PodCertificateRequest/);
  }
});

test('links to pages and names tests that there are', () => {
  const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = '']) => join(docs, link));
  const tests = [...page.matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => join(packageRoot(), path));
  expect(links.length).toBeGreaterThan(3);
  expect(tests.length).toBeGreaterThan(1);
  expect([...links, ...tests].filter((path) => !existsSync(path))).toEqual([]);
});
