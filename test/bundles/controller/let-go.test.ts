import { expect, it } from 'vitest';
import { createLetGo } from '#bundles/controller/let-go.ts';

it('who takes finalizers away again and again is answered slower and slower, each TrustBundle by itself, until there is peace', () => {
  let now = 0;
  const letGo = createLetGo(1_000, () => now);
  const paces = Array.from({ length: 6 }, () => letGo.paceMs('east.test'));
  expect(paces).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  expect(letGo.paceMs('west.test')).toBe(1_000);
  now += 600_001;
  expect(letGo.paceMs('east.test')).toBe(1_000);
  expect(letGo.paceMs('west.test')).toBe(1_000);
  expect(letGo.paceMs('west.test')).toBe(2_000);
  letGo.forget('west.test');
  expect(letGo.paceMs('west.test')).toBe(1_000);
});
