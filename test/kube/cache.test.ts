import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Cache } from '#kube/cache.ts';

interface Value {
  readonly colour: string;
}

const revision = (resourceVersion: string, uid = 'u1') => ({ uid, resourceVersion });

describe('Cache', () => {
  test('listeners get what was before and what is now', () => {
    const cache = new Cache<Value>();
    const seen: unknown[] = [];
    const stop = cache.onChange((previous, current, key) =>
      seen.push([previous?.colour, current?.colour, key]),
    );
    cache.set('ns/a', { colour: 'red' }, revision('1'));
    cache.set('ns/a', { colour: 'blue' }, revision('2'));
    cache.remove('ns/a');
    cache.remove('ns/a');
    stop();
    cache.set('ns/a', { colour: 'red' }, revision('3'));
    expect(seen).toEqual([
      [undefined, 'red', 'ns/a'],
      ['red', 'blue', 'ns/a'],
      ['blue', undefined, 'ns/a'],
    ]);
  });

  test('a revision that is held already changes nothing; the same version of another object does', () => {
    const cache = new Cache<Value>();
    let changes = 0;
    cache.onChange(() => changes++);
    expect(cache.set('a', { colour: 'red' }, revision('1'))).toBe(true);
    expect(cache.set('a', { colour: 'blue' }, revision('1'))).toBe(false);
    expect(cache.get(undefined, 'a')).toEqual({ colour: 'red' });
    expect(cache.set('a', { colour: 'blue' }, revision('1', 'u2'))).toBe(true);
    expect(changes).toBe(2);
  });

  test('a listener that throws keeps no other from being told', () => {
    const cache = new Cache<Value>();
    const told: string[] = [];
    cache.onChange(() => {
      throw new Error('first');
    });
    cache.onChange((_previous, _current, key) => told.push(key));
    expect(() => cache.set('a', { colour: 'red' }, revision('1'))).toThrow(AggregateError);
    expect(told).toEqual(['a']);
    expect(cache.size).toBe(1);
  });

  test('an indexer that throws leaves the last good value and its index', () => {
    const cache = new Cache<Value, 'colour'>({
      colour: ({ colour }) => {
        if (colour === 'bad') throw new Error('no colour');
        return [colour];
      },
    });
    cache.set('a', { colour: 'red' }, revision('1'));
    expect(() => cache.set('a', { colour: 'bad' }, revision('2'))).toThrow('no colour');
    expect(cache.get(undefined, 'a')).toEqual({ colour: 'red' });
    expect(cache.index('colour', 'red')).toHaveLength(1);
  });

  test('an index finds exactly the values that a search through all of them finds', () => {
    const operation = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      colours: fc.option(fc.uniqueArray(fc.constantFrom('red', 'blue', 'green')), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const cache = new Cache<readonly string[], 'colour'>({ colour: (colours) => colours });
        for (const [step, { key, colours }] of operations.entries()) {
          if (colours === undefined) cache.remove(key);
          else cache.set(key, colours, revision(String(step)));
          for (const colour of ['red', 'blue', 'green', 'grey']) {
            const found = new Set(cache.index('colour', colour));
            expect(found).toEqual(new Set(cache.list().filter((value) => value.includes(colour))));
          }
        }
      }),
    );
  });

  test('names what a complete list no longer has', () => {
    const cache = new Cache<Value>();
    for (const key of ['a', 'b', 'c']) cache.set(key, { colour: 'red' }, revision('1'));
    expect(cache.missingFrom(new Set(['b', 'new']))).toEqual(['a', 'c']);
  });
});
