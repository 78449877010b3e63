import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { readRow, unpackRow, type Write } from '#ledger/batch.ts';
import { authority, newIntent, packed } from './records.ts';

const bytes = (min: number, max: number) =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((array) => array.toHex());
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 });

const intent = fc.record({
  serial: bytes(1, 20),
  kind: fc.constantFrom('leaf' as const, 'issuing' as const),
  authority: fc.constant(authority),
  issuer: text,
  frontDoor: text,
  requestUid: text,
  identity: text,
  spkiSha256: bytes(32, 32),
  tbsSha256: bytes(32, 32),
  notBefore: fc.maxSafeInteger(),
  notAfter: fc.maxSafeInteger(),
  recordedAt: fc.maxSafeInteger(),
});
const result = fc.record({
  serial: bytes(1, 20),
  outcome: fc.constantFrom('issued' as const, 'discarded' as const),
  certificateSha256: bytes(32, 32),
  recordedAt: fc.maxSafeInteger(),
});
const discarded = fc.record({
  serial: bytes(1, 20),
  outcome: fc.constant('discarded' as const),
  certificateSha256: fc.constant(undefined),
  recordedAt: fc.maxSafeInteger(),
});
const write: fc.Arbitrary<Write> = fc.oneof(intent, result, discarded, fc.constant('check' as const));

it('carries any writes to the other thread in their order, in rows of a bounded size', () => {
  fc.assert(
    fc.property(fc.array(write, { maxLength: 200 }), (writes) => {
      const rows = structuredClone(packed(...writes)).map(unpackRow);
      expect(rows.flat()).toEqual(writes);
      for (const row of rows) expect(row.length).toBeLessThanOrEqual(64);
    }),
  );
});

it('reads what it packed, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(intent, result, discarded), { minLength: 1, maxLength: 60 }), (records) => {
      expect(packed(...records).flatMap(readRow)).toEqual(records);
    }),
  );
  const [row = ''] = packed(newIntent());
  for (const damaged of [
    '',
    'null',
    '[null]',
    '["check"]',
    row.slice(0, -9),
    row.replace('"leaf"', '"root"'),
  ]) {
    expect(() => readRow(damaged)).toThrow(expect.objectContaining({ code: 'LEDGER_DAMAGED' }));
  }
  expect(() => readRow(row.replace('"serial":"0', '"serial":"x'))).toThrow('not what was written');
  expect(() => readRow(row.replace('1790000000', '"1790000000"'))).toThrow('not what was written');
});
