import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCode } from '#errors/error.ts';
import { ProtobufReader } from '#kube/protobuf/reader.ts';
import { encode, varint } from './encoding.ts';

/** What comes of it, or the code of what is thrown. */
function outcome<T>(read: () => T): T | string | undefined {
  try {
    return read();
  } catch (error) {
    return errorCode(error);
  }
}

const invalid = 'KUBE_RESPONSE_INVALID';
const reader = (...bytes: readonly number[]) => new ProtobufReader(Buffer.from(bytes));

describe('integers', () => {
  test('every int64 is read to the nearest number, as JSON.parse reads its digits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const read = new ProtobufReader(varint(value));
        expect(read.integer()).toBe(JSON.parse(String(value)));
        expect(read.done).toBe(true);
      }),
    );
  });

  test.each([
    0n,
    1n,
    127n,
    128n,
    -1n,
    2n ** 28n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 35n,
    2n ** 53n + 1n,
    -9_597_060_775_724_078n,
    -(2n ** 63n),
    2n ** 63n - 1n,
  ])('%d', (value) => {
    expect(new ProtobufReader(varint(value)).integer()).toBe(Number(value));
  });

  test('zeros at its end may make it longer, but not longer than ten bytes', () => {
    expect(reader(0x81, 0x80, 0x00).integer()).toBe(1);
    expect(reader(...Array.from({ length: 9 }, () => 0x80), 0x01).integer()).toBe(-(2 ** 63));
    expect(outcome(() => reader(...Array.from({ length: 10 }, () => 0x80), 0x00).integer())).toBe(invalid);
  });

  test('one that does not end is refused', () => {
    expect(outcome(() => reader().integer())).toBe(invalid);
    expect(outcome(() => reader(0x80).integer())).toBe(invalid);
  });
});

describe('what has a length', () => {
  test('it ends with its message, not with the bytes behind that', () => {
    const bytes = Buffer.concat([varint(3), Buffer.from('abcdef')]);
    expect(new ProtobufReader(bytes).text()).toBe('abc');
    expect(outcome(() => new ProtobufReader(bytes, 0, 3).text())).toBe(invalid);
    const inner = new ProtobufReader(encode([1, encode([1, 'x'])], [2, 'behind']));
    inner.tag();
    const message = inner.message();
    message.tag();
    expect([message.text(), message.done, inner.done]).toEqual(['x', true, false]);
    expect(outcome(() => message.tag())).toBe(invalid);
  });

  test.each([4n, 2n ** 31n, 2n ** 32n, 2n ** 53n, -1n])(
    'a length of %d beyond the end is refused',
    (length) => {
      for (const read of ['text', 'base64', 'message'] as const) {
        const bytes = Buffer.concat([varint(length), Buffer.from('abc')]);
        expect(outcome(() => new ProtobufReader(bytes)[read]())).toBe(invalid);
      }
    },
  );

  test('text is UTF-8, and bytes are base64', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.uint8Array(), (text, bytes) => {
        const read = new ProtobufReader(encode([1, text], [2, bytes]));
        read.tag();
        expect(read.text()).toBe(text);
        read.tag();
        expect(read.base64()).toBe(Buffer.from(bytes).toString('base64'));
      }),
    );
  });
});

describe('tags', () => {
  test.each([0n, 7n, 2n ** 32n, -1n])('%d has no field number', (tag) => {
    expect(outcome(() => new ProtobufReader(varint(tag)).tag())).toBe(invalid);
  });

  test('the highest field number is read', () => {
    expect(new ProtobufReader(varint(2n ** 32n - 6n)).tag()).toBe(2 ** 32 - 6);
  });
});

describe('what nobody asked for', () => {
  const group = (...inner: readonly number[]) => [0x0b, ...inner, 0x0c];
  test.each([
    ['a varint', [0x08, 0x96, 0x01]],
    ['eight bytes', [0x09, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['bytes', [0x0a, 2, 0xff, 0xff]],
    ['four bytes', [0x0d, 1, 2, 3, 4]],
    ['a group', group(0x08, 1)],
    ['groups in groups', group(...group(...group()), 0x0a, 1, 0x0c)],
  ])('%s is skipped', (_what, bytes) => {
    const read = reader(...bytes, 0x10, 7);
    read.skip(read.tag());
    expect([read.tag(), read.integer(), read.done]).toEqual([0x10, 7, true]);
  });

  test('a hundred thousand groups in each other are no deep recursion', () => {
    const read = new ProtobufReader(
      Buffer.concat([Buffer.alloc(100_000, 0x0b), Buffer.alloc(100_000, 0x0c)]),
    );
    read.skip(read.tag());
    expect(read.done).toBe(true);
  });

  test.each([
    ['a group that does not end', [0x0b, 0x08, 1]],
    ['a group that did not begin', [0x0c]],
    ['wire type 6', [0x0e]],
    ['wire type 7', [0x0f]],
    ['three bytes of four', [0x0d, 1, 2, 3]],
    ['seven bytes of eight', [0x09, 1, 2, 3, 4, 5, 6, 7]],
    ['one byte of two', [0x0a, 2, 1]],
  ])('%s is refused', (_what, bytes) => {
    const read = reader(...bytes);
    expect(outcome(() => read.skip(read.tag()))).toBe(invalid);
  });

  test('random bytes are skipped to their end or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const read = new ProtobufReader(Buffer.from(bytes));
        const result = outcome(() => {
          while (!read.done) read.skip(read.tag());
          return 'done';
        });
        expect(['done', invalid]).toContain(result);
      }),
      { numRuns: 2_000 },
    );
  });
});
