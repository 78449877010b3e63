import { describe, expect, test } from 'vitest';
import { findCondition, setCondition } from '#kube/condition.ts';

const ready = {
  type: 'Ready',
  status: 'True',
  reason: 'Active',
  message: 'signs',
  observedGeneration: 1,
} as const;
const earlier = '2026-11-22T10:00:00Z';
const later = '2026-11-22T11:00:00Z';

describe('setCondition', () => {
  test('the transition time moves only with the status', () => {
    const first = setCondition(undefined, ready, earlier);
    const reworded = setCondition(first, { ...ready, message: 'still signs', observedGeneration: 2 }, later);
    expect(reworded).toEqual([
      { ...ready, message: 'still signs', observedGeneration: 2, lastTransitionTime: earlier },
    ]);
    const turned = setCondition(reworded, { ...ready, status: 'False' }, later);
    expect(findCondition(turned, 'Ready')?.lastTransitionTime).toBe(later);
  });

  test('other conditions keep their place and the input is not changed', () => {
    const other = { ...ready, type: 'Published', lastTransitionTime: earlier };
    const before = Object.freeze([...setCondition([], ready, earlier), other]);
    const after = setCondition(before, { ...ready, status: 'Unknown' }, later);
    expect(after.map(({ type }) => type)).toEqual(['Ready', 'Published']);
    expect(after[1]).toEqual(other);
    expect(before[0]?.status).toBe('True');
  });

  test('a message over the limit of the API is cut', () => {
    const [condition] = setCondition([], { ...ready, message: 'x'.repeat(40_000) }, earlier);
    expect(condition?.message).toHaveLength(32_768);
  });
});
