import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { pathLimits } from '#x509/path/budget.ts';
import { judge, type LimboCase } from './support/limbo.ts';

const folder = join(import.meta.dirname, '../../vectors/x509-limbo');

const { testcases }: { readonly testcases: readonly LimboCase[] } = JSON.parse(
  gunzipSync(readFileSync(join(folder, 'cases.json.gz'))).toString(),
);
/** By id of the case: why we decide otherwise. */
const exceptions: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(folder, 'exceptions.json'), 'utf8'),
);

/** For cases that give no time: a moment at which their certificates, which hold for a thousand years, are valid. */
const now = 1_790_000_000;

describe('x509-limbo', () => {
  const scored = testcases.map((testcase) => ({ ...testcase, ...judge(testcase, now) }));
  const deviating = scored.filter(({ result, expected_result: expected }) => result !== expected);

  test('no case is missing', () => {
    expect(new Set(testcases.map(({ id }) => id)).size).toBe(194);
  });

  test('every case is decided as expected, or is an exception', () => {
    const unexplained = deviating.filter(({ id }) => exceptions[id] === undefined);
    expect(unexplained.map(({ id, result, codes }) => ({ id, result, codes }))).toEqual([]);
  });

  test('no exception is stale, and each says why', () => {
    const ids = new Set(deviating.map(({ id }) => id));
    expect(Object.keys(exceptions).filter((id) => !ids.has(id))).toEqual([]);
    for (const [id, why] of Object.entries(exceptions)) expect(why.length, id).toBeGreaterThan(40);
  });

  test('name constraints refuse by themselves, where the leaf has not the expected name either', () => {
    const constrained = scored.filter(({ id, result }) => id.includes('::nc::') && result === 'FAILURE');
    expect(constrained.length).toBeGreaterThan(30);
    for (const testcase of constrained) {
      const nameless: LimboCase = { ...testcase, expected_peer_name: null, expected_peer_names: [] };
      expect(judge(nameless, now).result, testcase.id).toBe('FAILURE');
    }
  });

  test('no case costs more than the budget of signature checks', () => {
    for (const { id, signatureChecks } of scored)
      expect(signatureChecks, id).toBeLessThanOrEqual(pathLimits.signatureChecks);
  });
});
