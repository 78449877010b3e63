import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProtobufReader } from '#kube/protobuf/reader.ts';
import { readTimestamp } from '#kube/protobuf/timestamp.ts';
import { encode } from './encoding.ts';

const read = (bytes: Buffer) => readTimestamp(new ProtobufReader(bytes));

test('seconds are what a Date says, one after the other in any order', () => {
  const years0To9999 = fc.integer({ min: -62_167_219_200, max: 253_402_300_799 });
  fc.assert(
    fc.property(years0To9999, (seconds) => {
      const expected = new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z');
      expect(read(encode([1, seconds]))).toBe(expected);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  [-62_135_596_800, '0001-01-01T00:00:00Z'],
  [-1, '1969-12-31T23:59:59Z'],
  [0, '1970-01-01T00:00:00Z'],
  [951_782_400, '2000-02-29T00:00:00Z'],
  [253_402_300_799, '9999-12-31T23:59:59Z'],
])('%d is %s', (seconds, text) => {
  expect(read(encode([1, seconds]))).toBe(text);
});

test('nanoseconds and what is unknown are passed over; no bytes are no time', () => {
  expect(read(encode([2, 999_999_999], [3, 'x'], [1, 60]))).toBe('1970-01-01T00:01:00Z');
  expect(read(encode([2, 1]))).toBe('1970-01-01T00:00:00Z');
  expect(read(encode())).toBeUndefined();
});

test('seconds that no Date holds are a text all the same', () => {
  expect(read(encode([1, 2n ** 63n - 1n]))).toBe('+275760-09-13T00:00:00Z');
  expect(read(encode([1, -(2n ** 63n)]))).toBe('-271821-04-20T00:00:00Z');
});
