import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildDer } from '#x509/der/builder.ts';
import { readDer } from '#x509/der/reader.ts';
import { generalized, utc } from '../support/der.ts';
import { refusalOf } from '../support/refusal.ts';

const time = (at: number): Buffer => buildDer((der) => der.time(at));
const seconds = (der: Buffer): number => readDer(der, (reader) => reader.time());

describe('times', () => {
  test.each([
    ['500101000000Z', '1950-01-01T00:00:00Z'],
    ['991231235959Z', '1999-12-31T23:59:59Z'],
    ['000229120000Z', '2000-02-29T12:00:00Z'],
    ['240229000000Z', '2024-02-29T00:00:00Z'],
    ['491231235959Z', '2049-12-31T23:59:59Z'],
  ])('UTCTime %s is %s', (text, iso) => {
    expect(seconds(utc(text)) * 1000).toBe(Date.parse(iso));
    expect(time(Date.parse(iso) / 1000)).toEqual(utc(text));
  });

  test.each([
    ['20500101000000Z', '2050-01-01T00:00:00Z'],
    ['20960229000000Z', '2096-02-29T00:00:00Z'],
    ['99991231235959Z', '9999-12-31T23:59:59Z'],
  ])('GeneralizedTime %s is %s', (text, iso) => {
    expect(seconds(generalized(text)) * 1000).toBe(Date.parse(iso));
    expect(time(Date.parse(iso) / 1000)).toEqual(generalized(text));
  });

  test.each([
    ['without seconds', utc('2601010000Z')],
    ['with an offset', utc('260101000000+0000')],
    ['without Z', utc('2601010000000')],
    ['in lower case', utc('260101000000z')],
    ['with a blank for a digit', utc('26 101000000Z')],
    ['empty', utc('')],
    ['30 February', utc('260230000000Z')],
    ['29 February of no leap year', utc('250229000000Z')],
    ['29 February 2100', generalized('21000229000000Z')],
    ['31 April', utc('260431000000Z')],
    ['day 0', utc('260400000000Z')],
    ['month 0', utc('260001000000Z')],
    ['month 13', utc('261301000000Z')],
    ['24 hours', utc('260101240000Z')],
    ['60 minutes', utc('260101006000Z')],
    ['a leap second', utc('261231235960Z')],
    ['with a fraction', generalized('20500101000000.5Z')],
    ['GeneralizedTime with the year of a UTCTime', generalized('500101000000Z')],
    ['full-width digits', utc('\xd9\xa026010100000Z')],
  ])('%s', (_, der) => {
    expect(refusalOf(() => seconds(der))).toBe('DER_TIME_INVALID');
  });

  test.each(['20491231235959Z', '19500101000000Z', '00000101000000Z'])(
    'GeneralizedTime too early: %s',
    (text) => {
      expect(refusalOf(() => seconds(generalized(text)))).toBe('DER_TIME_FORM');
    },
  );

  test('any digits: the calendar of Date without its roll-over', () => {
    const field = (max: number): fc.Arbitrary<string> =>
      fc.nat(max).map((value) => String(value).padStart(2, '0'));
    const digits = fc.tuple(field(49), field(14), field(33), field(25), field(61), field(61));
    fc.assert(
      fc.property(digits, ([year, month, day, hour, minute, second]) => {
        const iso = `20${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
        const date = new Date(iso);
        const exists = !Number.isNaN(date.getTime()) && date.toISOString() === iso;
        const der = utc(`${year}${month}${day}${hour}${minute}${second}Z`);
        if (exists) expect(seconds(der) * 1000).toBe(date.getTime());
        else expect(refusalOf(() => seconds(der))).toBe('DER_TIME_INVALID');
      }),
      { numRuns: 500 },
    );
  });
});
