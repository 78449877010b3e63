import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lanes } from '#kube/lanes.ts';

const laneOf = (key: string): string => key.slice(0, 1);

function drain(lanes: Lanes<string>): string[] {
  const keys: string[] = [];
  for (let key = lanes.take(); key !== undefined; key = lanes.take()) keys.push(key);
  return keys;
}

test('lanes take turns, each in order of arrival', () => {
  const lanes = new Lanes(laneOf);
  for (const key of ['a1', 'a2', 'a3', 'b1', 'a4', 'c1', 'c2', 'a1']) lanes.add(key);
  expect(lanes.size).toBe(7);
  expect(drain(lanes)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3', 'a4']);
  expect(lanes.size).toBe(0);
});

test('whatever is added and taken, nothing is lost, nothing comes twice, and nobody waits for two of another', () => {
  const keys = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(30)), { maxLength: 80 });
  fc.assert(
    fc.property(keys, (added) => {
      const lanes = new Lanes(laneOf);
      const names = added.map(([lane, number]) => `${lane}${number}`);
      for (const name of names) lanes.add(name);
      const taken = drain(lanes);
      expect(taken.toSorted()).toEqual([...new Set(names)].toSorted());
      const waits = new Map<string, number>();
      for (const key of taken) {
        for (const lane of new Set(taken.map(laneOf))) waits.set(lane, (waits.get(lane) ?? 0) + 1);
        expect(waits.get(laneOf(key))).toBeLessThanOrEqual(3);
        waits.set(laneOf(key), 0);
      }
    }),
  );
});

test('a share of the limit is left for everybody', () => {
  const lanes = new Lanes(laneOf);
  for (let i = 0; i < 10; i++) lanes.add(`a${i}`);
  expect(lanes.hasShare('a10', 10)).toBe(false);
  expect(lanes.hasShare('b0', 10)).toBe(true);
  for (let i = 0; i < 5; i++) lanes.add(`b${i}`);
  expect(lanes.hasShare('b5', 10)).toBe(false);
});
