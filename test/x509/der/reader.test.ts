import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildDer } from '#x509/der/builder.ts';
import { type DerReader, readDer } from '#x509/der/reader.ts';
import { element, oid, sequence, setOf, smallInteger } from '#x509/der/writer.ts';
import { X509Error } from '#x509/error.ts';
import { refusalOf } from '../support/refusal.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const read = <T>(der: Buffer, reading: (reader: DerReader) => T): T => readDer(der, reading);
const time = (seconds: number): Buffer => buildDer((der) => der.time(seconds));
const unsignedInteger = (magnitude: Buffer): Buffer => buildDer((der) => der.unsignedInteger(magnitude));
const namedBits = (flags: number): Buffer => buildDer((der) => der.namedBits(flags));
const bitString = (contents: Buffer): Buffer => buildDer((der) => der.bitString(contents));
const bigIntBytes = (value: bigint): Buffer => {
  const digits = value.toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
};

describe('what the writer writes, the reader reads', () => {
  test('unsigned integers of any size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 200n }), fc.nat(3), (value, padding) => {
        const magnitude = Buffer.concat([Buffer.alloc(padding), bigIntBytes(value)]);
        const back = read(unsignedInteger(magnitude), (reader) => reader.positiveInteger());
        expect(BigInt(`0x${back.toString('hex')}`)).toBe(value);
        expect(back[0]).not.toBe(0);
      }),
    );
  });

  test('small integers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7fffffff }), (value) => {
        expect(read(smallInteger(value), (reader) => reader.smallInteger())).toBe(value);
      }),
    );
  });

  test('object identifiers, with arcs far beyond a number', () => {
    const arc = fc.oneof(fc.nat(200), fc.bigInt({ min: 0n, max: 2n ** 128n }));
    const root = fc.oneof(fc.tuple(fc.constantFrom(0, 1), fc.nat(39)), fc.tuple(fc.constant(2), arc));
    fc.assert(
      fc.property(root, fc.array(arc, { maxLength: 2 }), ([first, second], rest) => {
        const dotted = [first, second, ...rest].join('.');
        expect(read(oid(dotted), (reader) => reader.oid())).toBe(dotted);
      }),
    );
  });

  test('flags', () => {
    fc.assert(
      fc.property(fc.nat(0x7fffffff), (flags) => {
        expect(read(namedBits(flags), (reader) => reader.namedBits())).toBe(flags);
      }),
    );
  });

  test('contents of any length, around every change of the length octets', () => {
    for (const length of [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000]) {
      const contents = Buffer.alloc(length, 0xa5);
      const octets = element(0x04, contents);
      expect(read(octets, (reader) => reader.contents(0x04)).equals(contents)).toBe(true);
      const built = [
        buildDer((der) => der.octets(0x04, contents)),
        buildDer((der) => der.hex(0x04, contents.toString('hex'))),
        buildDer((der) => der.ascii(0x04, contents.toString('latin1'))),
        buildDer((der) => der.within(0x04, () => der.put(contents))),
      ];
      for (const der of built) expect(der.equals(octets)).toBe(true);
      expect(read(bitString(contents), (reader) => reader.bitString()).equals(contents)).toBe(true);
    }
  });

  test('sets come out sorted, whatever the order they go in', () => {
    const members = fc.array(fc.uint8Array({ maxLength: 6 }), { maxLength: 6 });
    fc.assert(
      fc.property(members, (values) => {
        const found: Buffer[] = [];
        const der = setOf(...values.map((value) => element(0x04, value)));
        read(der, (reader) => reader.setOf(0x31, (inner) => found.push(inner.contents(0x04))));
        expect(found.map((value) => value.toString('hex')).sort()).toEqual(
          values.map((value) => Buffer.from(value).toString('hex')).sort(),
        );
      }),
    );
  });

  test('times, to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: -631_152_000, max: 253_402_300_799 }), (seconds) => {
        expect(read(time(seconds), (reader) => reader.time())).toBe(seconds);
      }),
    );
  });
});

describe('refusals', () => {
  const any = (reader: DerReader): unknown => reader.anyElement();
  const cases: readonly (readonly [string, string, (reader: DerReader) => unknown, string])[] = [
    ['nothing', '', any, 'DER_TRUNCATED'],
    ['a tag alone', '04', any, 'DER_TRUNCATED'],
    ['contents cut off', '0402aa', any, 'DER_TRUNCATED'],
    ['length cut off', '0482ff', any, 'DER_TRUNCATED'],
    ['a length of 2^64', '0488ffffffffffffffff', any, 'DER_TRUNCATED'],
    ['bytes left over', '050000', any, 'DER_TRAILING_BYTES'],
    ['end of contents', '0000', any, 'DER_TAG_UNEXPECTED'],
    ['a constructed octet string', '24 04 0402aabb', any, 'DER_TAG_UNEXPECTED'],
    ['a primitive sequence', '10 00', any, 'DER_TAG_UNEXPECTED'],
    ['a long-form tag', '9f 1f 00', any, 'DER_TAG_LONG_FORM'],
    ['a long-form length below 128', '04 81 01 aa', any, 'DER_LENGTH_NOT_MINIMAL'],
    ['a length with a leading zero', `04 82 0080 ${'aa'.repeat(128)}`, any, 'DER_LENGTH_NOT_MINIMAL'],
    ['an indefinite length', '30 80 0000', any, 'DER_LENGTH_INDEFINITE'],
    ['an integer padded below zero', '02 02 ff80', any, 'DER_INTEGER_NOT_MINIMAL'],
    ['an integer padded above zero', '02 02 007f', any, 'DER_INTEGER_NOT_MINIMAL'],
    ['a padded ENUMERATED', '0a 02 0001', any, 'DER_INTEGER_NOT_MINIMAL'],
    ['an ENUMERATED without contents', '0a 00', any, 'DER_INTEGER_INVALID'],
    ['a BMPString that ends within a character', '1e 03 006100', any, 'DER_STRING_INVALID'],
    ['a UniversalString that ends within a character', '1c 06 000000610000', any, 'DER_STRING_INVALID'],
    ['zero where positive is wanted', '02 01 00', (r) => r.positiveInteger(), 'DER_INTEGER_INVALID'],
    ['minus one where positive is wanted', '02 01 ff', (r) => r.positiveInteger(), 'DER_INTEGER_INVALID'],
    ['2^31', '02 05 0080000000', (r) => r.smallInteger(), 'DER_INTEGER_INVALID'],
    ['FALSE spelled out', '01 01 00', (r) => r.booleanOrFalse(), 'DER_DEFAULT_ENCODED'],
    ['TRUE as 01', '01 01 01', (r) => r.booleanOrFalse(), 'DER_BOOLEAN_INVALID'],
    ['BOOLEAN without contents', '01 00', (r) => r.boolean(), 'DER_BOOLEAN_INVALID'],
    ['flags of five octets', '03 06 00 0000000001', (r) => r.namedBits(), 'DER_BIT_STRING_INVALID'],
    ['no flag, but an octet', '03 02 00 00', (r) => r.namedBits(), 'DER_BIT_STRING_INVALID'],
    ['no octet, but padding', '03 01 01', (r) => r.namedBits(), 'DER_BIT_STRING_INVALID'],
    ['an OID of 65 octets', `06 41 ${'01'.repeat(65)}`, (r) => r.oid(), 'DER_OID_INVALID'],
    ['an OID with a padded first arc', '06 02 8001', (r) => r.oid(), 'DER_OID_INVALID'],
    ['a set out of order', '31 06 020102 020101', (r) => r.setOf(0x31, (i) => i.integer()), 'DER_SET_ORDER'],
    ['something else', '0500', (r) => r.contents(0x04), 'DER_TAG_UNEXPECTED'],
    [
      'the rest of a sequence unread',
      '30 04 0500 0500',
      (r) => r.within(0x30, (i) => i.null()),
      'DER_TRAILING_BYTES',
    ],
  ];
  test.each(cases)('%s', (_, bytes, reading, code) => {
    expect(refusalOf(() => read(hex(bytes), reading))).toBe(code);
  });

  test('16 levels are read, 17 are not', () => {
    const nested = (levels: number): Buffer => (levels === 0 ? hex('0500') : sequence(nested(levels - 1)));
    expect(read(nested(16), any)).toEqual(nested(16));
    expect(refusalOf(() => read(nested(17), any))).toBe('DER_TOO_DEEP');
  });

  test('a length never reaches beyond the element that holds it', () => {
    const inner = Buffer.concat([hex('3003 0404'), hex('aabbccdd')]);
    expect(refusalOf(() => read(inner, (reader) => reader.within(0x30, (i) => i.contents(0x04))))).toBe(
      'DER_TRUNCATED',
    );
  });

  test('any bytes: an element or an X509Error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          const whole = read(Buffer.from(bytes), (reader) => reader.anyElement());
          expect(whole.equals(bytes)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(X509Error);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test('the writer refuses what has no encoding', () => {
  const impossible: readonly (() => Buffer)[] = [
    () => unsignedInteger(Buffer.alloc(0)),
    () => smallInteger(-1),
    () => smallInteger(0.5),
    () => smallInteger(2 ** 31),
    () => oid('1.2.03'),
    () => oid('3.1'),
    () => oid('1.40'),
    () => oid('1'),
    () => time(0.5),
    () => time(-631_152_001),
    () => time(253_402_300_800),
    () => time(Number.NaN),
  ];
  expect(impossible.map((encode) => refusalOf(encode))).toEqual(impossible.map(() => 'ENCODING_INVALID'));
});

test('what is read shares memory with what was given', () => {
  const der = element(0x04, hex('aabb'));
  const contents = read(der, (reader) => reader.contents(0x04));
  der.writeUInt8(0xcc, 2);
  expect(contents.toString('hex')).toBe('ccbb');
});
