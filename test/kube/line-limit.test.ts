import { expect, test } from 'vitest';
import { createLineLimit } from '#kube/line-limit.ts';

test('so many lines of one kind are told in a window, and the next one says how many were not', () => {
  let now = 0;
  const limit = createLineLimit({ lines: 2, windowMs: 100, now: () => now });
  const take = (kind: string, times: number) => Array.from({ length: times }, () => limit.take(kind));
  expect(take('A', 4)).toEqual([
    { told: true, untold: 0 },
    { told: true, untold: 0 },
    { told: false, untold: 1 },
    { told: false, untold: 2 },
  ]);
  now = 99;
  expect(limit.take('A')).toEqual({ told: false, untold: 3 });
  now = 100;
  expect(take('A', 2)).toEqual([
    { told: true, untold: 3 },
    { told: true, untold: 0 },
  ]);
});

test('one kind takes no room from another', () => {
  const limit = createLineLimit({ lines: 1, windowMs: 100, now: () => 5 });
  limit.take('A');
  limit.take('A');
  expect(limit.take('B')).toEqual({ told: true, untold: 0 });
});
