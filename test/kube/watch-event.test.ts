import { expect, test } from 'vitest';
import { errorCode } from '#errors/error.ts';
import { type WatchEvent, watchEvents } from '#kube/watch-event.ts';
import { encode, encodeEvent, encodeObject, frame } from './protobuf/encoding.ts';

const protobuf = 'application/vnd.kubernetes.protobuf;stream=watch';
const type = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata' };
const object = { ...type, metadata: { name: 'one' } };
const encoded = encodeObject(type.apiVersion, type.kind, encode([1, encode([1, 'one'])]));
const status = encodeObject('v1', 'Status', encode([3, 'gone'], [4, 'Expired'], [6, 410]));

function read(contentType: string | undefined, bytes: Buffer): readonly WatchEvent[] {
  const events: WatchEvent[] = [];
  watchEvents('watch of trees', contentType)(bytes, (event) => events.push(event));
  return events;
}

function failure(bytes: Buffer): unknown {
  try {
    return read(protobuf, bytes);
  } catch (error) {
    return error;
  }
}

test.each([undefined, '', 'application/json', 'application/json;stream=watch', 'text/plain'])(
  'an answer of type "%s" has an event a line',
  (contentType) => {
    const event = { type: 'ADDED', object };
    expect(read(contentType, Buffer.from(`${JSON.stringify(event)}\n`))).toEqual([event]);
  },
);

test.each([protobuf, 'application/vnd.kubernetes.protobuf', 'Application/vnd.Kubernetes.protobuf ; a=b'])(
  'an answer of type "%s" has an event a frame',
  (contentType) => {
    const bytes = Buffer.concat(['ADDED', 'BOOKMARK'].map((what) => frame(encodeEvent(what, encoded))));
    expect(read(contentType, bytes)).toEqual([
      { type: 'ADDED', object },
      { type: 'BOOKMARK', object },
    ]);
  },
);

test('an ERROR event is the error that its Status tells', () => {
  const error = failure(frame(encodeEvent('ERROR', status)));
  expect(error).toMatchObject({ code: 'KUBE_GONE', status: 410, reason: 'Expired' });
  expect(String(error)).toContain('watch of trees: 410 gone');
});

test.each([
  ['an empty frame', Buffer.alloc(0)],
  ['an unknown type', encodeEvent('RENAMED', encoded)],
  ['no object', encode([1, 'ADDED'])],
  ['an object without metadata', encodeEvent('ADDED', status)],
  ['a cut object', encodeEvent('ADDED', encoded).subarray(0, -1)],
  ['text', Buffer.from('{"type":"ADDED"}')],
])('%s is no event', (_what, bytes) => {
  const error = failure(frame(bytes));
  expect(errorCode(error)).toBe('KUBE_RESPONSE_INVALID');
  expect(String(error)).toContain('watch of trees');
});

test('a frame of more than 16 MiB is refused by its length', () => {
  expect(errorCode(failure(Buffer.from([0x01, 0x00, 0x00, 0x01])))).toBe('KUBE_RESPONSE_INVALID');
  expect(failure(Buffer.from([0x01, 0x00, 0x00, 0x00]))).toEqual([]);
});

test('an event over 16 MiB is refused alike, whatever it lies in', () => {
  const refused = { code: 'KUBE_RESPONSE_INVALID', message: expect.stringContaining('watch of trees: a ') };
  const line = Buffer.alloc(16 * 1024 * 1024 + 1, 'x');
  expect(() => read('application/json', line)).toThrow(expect.objectContaining(refused));
  const length = Buffer.from([0x01, 0x00, 0x00, 0x01]);
  expect(() => read(protobuf, length)).toThrow(expect.objectContaining(refused));
});
