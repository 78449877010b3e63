import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatMicroTime, formatTime } from '#kube/micro-time.ts';

test('a MicroTime has exactly six fractional digits and names the same moment', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (ms) => {
      const text = formatMicroTime(ms);
      expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}000Z$/);
      expect(Date.parse(text)).toBe(ms);
    }),
  );
});

test('a Time has whole seconds, rounded down', () => {
  expect(formatTime(1_763_806_007_999)).toBe('2025-11-22T10:06:47Z');
});
