import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { errorCode } from '#errors/error.ts';
import { frameSplitter } from '#kube/frame-splitter.ts';
import { frame } from './protobuf/encoding.ts';

test('the frames are the same wherever the stream is cut, also inside a length', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 })),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (bodies, cuts) => {
        const bytes = Buffer.concat(bodies.map(frame));
        const splitter = frameSplitter(1_000, 'watch of trees');
        const seen: string[] = [];
        let at = 0;
        for (let cut = 0; at < bytes.length; cut++) {
          const size = cuts[cut % cuts.length] ?? 1;
          splitter.push(bytes.subarray(at, at + size), (body) => seen.push(body.toString('hex')));
          at += size;
        }
        expect(seen).toEqual(bodies.map((body) => Buffer.from(body).toString('hex')));
        expect(splitter.pending).toBe(0);
      },
    ),
  );
});

test('a frame that lies in one chunk is not copied', () => {
  const chunk = Buffer.concat([frame(Buffer.from('one')), frame(Buffer.from('two'))]);
  const frames: Buffer[] = [];
  frameSplitter(10, 'watch of trees').push(chunk, (body) => frames.push(body));
  expect(frames.map(String)).toEqual(['one', 'two']);
  expect(frames.map(({ buffer }) => buffer)).toEqual([chunk.buffer, chunk.buffer]);
  expect(frames.map(({ byteOffset }) => byteOffset - chunk.byteOffset)).toEqual([4, 11]);
});

test('a frame over the limit is refused by its length alone, however that is cut', () => {
  const prefix = frame(Buffer.alloc(11)).subarray(0, 4);
  for (const cut of [0, 1, 4]) {
    const splitter = frameSplitter(10, 'watch of trees');
    const push = () =>
      [prefix.subarray(0, cut), prefix.subarray(cut)].forEach((part) => splitter.push(part, () => undefined));
    expect(() => push()).toThrow('watch of trees: a frame of 11 bytes is longer than 10');
  }
  const splitter = frameSplitter(10, 'watch of trees');
  expect(codeOf(() => splitter.push(Buffer.alloc(4, 0xff), () => undefined))).toBe('KUBE_RESPONSE_INVALID');
});

test('an unfinished frame is kept back', () => {
  const splitter = frameSplitter(10, 'watch of trees');
  const frames: string[] = [];
  splitter.push(Buffer.concat([frame(Buffer.from('a')), frame(Buffer.from('bc')).subarray(0, 5)]), (body) =>
    frames.push(String(body)),
  );
  expect(frames).toEqual(['a']);
  expect(splitter.pending).toBe(5);
});

function codeOf(act: () => void): string | undefined {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return undefined;
}
