import type { IncomingMessage } from 'node:http';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCode } from '#errors/error.ts';
import { frameSplitter } from '#kube/frame-splitter.ts';
import { readWatchEvent } from '#kube/protobuf/object.ts';
import { certificateSigningRequests } from '#kube/resource.ts';
import { type WatchEvent, watchEvents } from '#kube/watch-event.ts';
import { liveSigningRequest, protobuf } from '../encoding-lab.ts';
import { adminClient } from '../lab.ts';

describe('the bytes of a real watch', () => {
  let bytes: Buffer;
  let frames: readonly Buffer[];
  let events: readonly WatchEvent[];

  test('holds all of it', async () => {
    const { name, from, count } = await liveSigningRequest();
    const client = await adminClient();
    const selection = { fieldSelector: `metadata.name=${name}` };
    const response = await client.openWatch(certificateSigningRequests, selection, { resourceVersion: from });
    [bytes, frames] = await received(response, count);
    events = all(bytes);
    expect(events).toHaveLength(count);
  });

  test('are the same events wherever they are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (cuts) => {
        expect(all(bytes, cuts)).toStrictEqual(events);
      }),
    );
  });

  test('are an event or a typed error when any of them are changed or missing', () => {
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(fc.nat(), fc.array(change, { maxLength: 4 }), fc.nat(), (which, changes, cut) => {
        const damaged = Buffer.from(frames[which % frames.length] ?? []);
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        const rest = cut % 3 === 0 ? damaged.subarray(0, cut % damaged.length) : damaged;
        const outcome = outcomeOf(() => readWatchEvent(rest));
        expect(['object', 'KUBE_RESPONSE_INVALID']).toContain(outcome);
      }),
      { numRuns: 20_000 },
    );
  });
});

function outcomeOf(read: () => unknown): string | undefined {
  try {
    return typeof read();
  } catch (error) {
    return errorCode(error);
  }
}

/** All events in the bytes, which come in chunks of these sizes, over and over. */
function all(bytes: Buffer, cuts: readonly number[] = [bytes.length]): readonly WatchEvent[] {
  const events: WatchEvent[] = [];
  const take = watchEvents('watch', protobuf);
  let at = 0;
  for (let cut = 0; at < bytes.length; cut++) {
    const size = cuts[cut % cuts.length] ?? 1;
    take(bytes.subarray(at, at + size), (event) => events.push(event));
    at += size;
  }
  return events;
}

/** The bytes of so many frames. */
async function received(response: IncomingMessage, count: number): Promise<[Buffer, readonly Buffer[]]> {
  const chunks: Buffer[] = [];
  const frames: Buffer[] = [];
  const splitter = frameSplitter(1_000_000, 'watch of trees');
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    splitter.push(chunk, (frame) => frames.push(frame));
    if (frames.length >= count) break;
  }
  return [Buffer.concat(chunks), frames];
}
