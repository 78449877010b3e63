import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { judge, type LimboCase } from './support/limbo.ts';

/** By id of the case: why we decide otherwise. */
const reasons: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../vectors/limbo/exceptions.json'), 'utf8'),
);
const exceptions = new Map(Object.entries(reasons));

/** For cases that give no time: a moment at which their certificates, which hold for a thousand years, are valid. */
const now = 1_790_000_000;

test('each exception says why', () => {
  expect(exceptions.size).toBeGreaterThan(0);
  for (const [id, why] of exceptions) expect(why.length, id).toBeGreaterThan(40);
});

const suite = process.env.MANGROVE_LIMBO ?? '';

describe.skipIf(suite === '')('x509-limbo, from the file that MANGROVE_LIMBO names', () => {
  const { testcases }: { readonly testcases: readonly LimboCase[] } = JSON.parse(
    suite === '' ? '{"testcases":[]}' : readFileSync(suite, 'utf8'),
  );
  const deviates = (testcase: LimboCase): boolean => judge(testcase, now).result !== testcase.expected_result;

  test('every case is decided as expected, or is an exception', () => {
    expect(testcases.length).toBeGreaterThan(150);
    const unexplained = testcases.filter((testcase) => deviates(testcase) && !exceptions.has(testcase.id));
    expect(unexplained.map((testcase) => [testcase.id, judge(testcase, now)])).toEqual([]);
  });

  test('no exception is stale', () => {
    const deviating = new Set(testcases.filter(deviates).map(({ id }) => id));
    expect([...exceptions.keys()].filter((id) => !deviating.has(id))).toEqual([]);
  });

  test('no case costs more than the budget of signature checks', () => {
    for (const testcase of testcases)
      expect(judge(testcase, now).signatureChecks, testcase.id).toBeLessThanOrEqual(32);
  });
});
