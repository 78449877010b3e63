import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createBatch, unpackBatch, type Write } from '#ledger/batch.ts';
import { authority } from './records.ts';

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
  certificateSha256: fc.option(bytes(32, 32), { nil: undefined }),
  recordedAt: fc.maxSafeInteger(),
});
const write: fc.Arbitrary<Write> = fc.oneof(
  intent.map((intent) => ({ op: 'intent' as const, intent })),
  result.map((result) => ({ op: 'result' as const, result })),
  fc.constant({ op: 'check' as const }),
);

it('carries any writes to the other thread in their order', () => {
  fc.assert(
    fc.property(fc.array(write, { maxLength: 120 }), (writes) => {
      const batch = createBatch();
      for (const one of writes) {
        if (one.op === 'intent') batch.addIntent(one.intent);
        else if (one.op === 'result') batch.addResult(one.result);
        else batch.addCheck();
      }
      const moved = structuredClone(batch.pack());
      expect(batch.size()).toBe(writes.length);
      expect(unpackBatch(moved)).toEqual(writes);
    }),
  );
});
