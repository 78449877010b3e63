import { assert, nat, property, uniqueArray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atPlaces, placesText } from '#bundles/bundle/places.ts';

const letters = ['a', 'b', 'c', 'd', 'e'];

describe('places in a list', () => {
  it.each([
    [[], ''],
    [[0], '0'],
    [[4, 0, 1, 2, 1], '0-2,4'],
    [[1, 2], '1-2'],
  ])('%j are %j', (places, text) => {
    expect(placesText(places)).toBe(text);
  });

  it('are found again', () => {
    const list = Array.from({ length: 300 }, (_, index) => index);
    assert(
      property(uniqueArray(nat(299)), (places) => {
        expect(atPlaces(placesText(places), list)).toEqual(places.toSorted((a, b) => a - b));
      }),
    );
  });

  it.each(['5', '0-5', '3-1', '-1', '0,', 'a', '0 - 1', '0-1-2', '1e1', '99999999999'])(
    '%j are none of five',
    (text) => {
      expect(atPlaces(text, letters)).toBeUndefined();
    },
  );
});
