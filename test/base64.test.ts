import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64, encodeBase64 } from '#base64.ts';

describe('base64 without strings', () => {
  test('is that of Node, both ways', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (value) => {
        const text = encodeBase64(value);
        expect(text.toString()).toBe(Buffer.from(value).toString('base64'));
        expect(decodeBase64(text)).toEqual(Buffer.from(value));
      }),
    );
  });

  test.each(['A', 'AAA', 'AA=', '=AAA', 'A===', 'AA\nAA', 'AAA-', 'AA=A', '    ', '===='])(
    'refuses %j',
    (text) => {
      expect(decodeBase64(Buffer.from(text))).toBeUndefined();
    },
  );
});
