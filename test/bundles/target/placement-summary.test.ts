import { expect, it } from 'vitest';
import { newPlacement, type Placement } from '#bundles/target/placement.ts';
import { leftoverSummary, summaryOf } from '#bundles/target/placement-summary.ts';
import { MangroveError } from '#errors/error.ts';

const error = new MangroveError('BUNDLE_TARGET_REJECTED', 'no roots here');
const placements = (from: number, count: number, more: Partial<Placement> = {}): Placement[] =>
  Array.from({ length: count }, (_, index) => ({ ...newPlacement(named(from + index)), ...more }));
const named = (number: number): string => `ns-${String(number).padStart(2, '0')}`;
const firstFailures = Array.from({ length: 16 }, (_, index) => ({ namespace: named(index), error }));

it('counts every failure, and tells of the first sixteen by their namespaces', () => {
  const all = [
    ...placements(0, 40, { error }).toReversed(),
    ...placements(40, 5, { version: '7', digest: 'wish', verifiedAt: 3 }),
    ...placements(45, 3),
    ...placements(48, 2, { leaving: true, error }),
  ];
  expect(summaryOf(all, 'wish', ({ verifiedAt = 0 }) => verifiedAt)).toEqual({
    namespaces: 48,
    holding: 5,
    failing: 40,
    pending: 3,
    failures: firstFailures,
    verifiedAt: 3,
  });
});

it('does the same for what is to go', () => {
  const left = Array.from({ length: 42 }, (_, index) => ({
    namespace: named(index),
    error: index < 40 ? error : undefined,
  }));
  expect(leftoverSummary(left.toReversed())).toEqual({
    namespaces: 42,
    holding: 0,
    failing: 40,
    pending: 2,
    failures: firstFailures,
    verifiedAt: undefined,
  });
});
