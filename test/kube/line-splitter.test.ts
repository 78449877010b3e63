import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lineSplitter } from '#kube/line-splitter.ts';

describe('lineSplitter', () => {
  test('the lines are the same wherever the stream is cut, also inside a character', () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
    fc.assert(
      fc.property(
        fc.array(line),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (lines, cuts) => {
          const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
          const splitter = lineSplitter(10_000, 'watch of trees');
          const seen: string[] = [];
          let at = 0;
          for (let cut = 0; at < bytes.length; cut++) {
            const size = cuts[cut % cuts.length] ?? 1;
            splitter.push(bytes.subarray(at, at + size), (text) => seen.push(text));
            at += size;
          }
          expect(seen).toEqual(lines);
          expect(splitter.pending).toBe(0);
        },
      ),
    );
  });

  test('a line over the limit is refused before it is whole', () => {
    const splitter = lineSplitter(10, 'watch of trees');
    const lines: string[] = [];
    splitter.push(Buffer.from('0123456789\n01234'), (text) => lines.push(text));
    expect(lines).toEqual(['0123456789']);
    expect(() => splitter.push(Buffer.from('56789x'), () => undefined)).toThrow(
      expect.objectContaining({
        code: 'KUBE_RESPONSE_INVALID',
        message: 'watch of trees: a line is longer than 10 bytes',
      }),
    );
  });

  test('empty lines are passed over and an unfinished one is kept back', () => {
    const splitter = lineSplitter(10, 'watch of trees');
    const lines: string[] = [];
    splitter.push(Buffer.from('\n\na\nb'), (text) => lines.push(text));
    expect(lines).toEqual(['a']);
    expect(splitter.pending).toBe(1);
  });
});
