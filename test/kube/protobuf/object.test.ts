import { describe, expect, test } from 'vitest';
import { errorCode } from '#errors/error.ts';
import { hasProtobuf, readWatchEvent } from '#kube/protobuf/object.ts';
import { certificateSigningRequests, apiVersion } from '#kube/resource.ts';
import { encode, encodeEvent, encodeObject, type Part } from './encoding.ts';

const { kind } = certificateSigningRequests;
const version = apiVersion(certificateSigningRequests);
const { name, metadata } = { name: 'one', metadata: encode([1, 'one']) };

/** A signing request of this metadata, spec and status. */
function signingRequest(meta = metadata, spec = encode(), status = encode()): unknown {
  const raw = encode([1, meta], [2, spec], [3, status]);
  return readWatchEvent(encodeEvent('ADDED', encodeObject(version, kind, raw))).object;
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return undefined;
}

test('what Go writes empty is left out where its JSON leaves it out, and kept where it does not', () => {
  const meta = encode([1, name], [2, ''], [7, 0], [8, encode()], [10, 0], [13, encode([1, ''], [6, false])]);
  const spec = encode([2, ''], [7, ''], [8, 0]);
  const status = encode([1, encode([1, ''], [2, ''], [4, encode()], [6, ''])]);
  expect(signingRequest(meta, spec, status)).toEqual({
    apiVersion: version,
    kind,
    metadata: { name, deletionGracePeriodSeconds: 0, ownerReferences: [{ kind: '', controller: false }] },
    spec: { request: null, signerName: '', expirationSeconds: 0 },
    status: { conditions: [{ type: '', lastUpdateTime: null, status: '' }] },
  });
});

test('maps: a key or value that is not there is empty, and no key reaches the prototype', () => {
  const entry = (key: string, ...values: readonly string[]) =>
    encode([1, key], [2, encode(...values.map((value) => [1, value] as const))]);
  const meta = encode(
    [11, encode([1, 'key'])],
    [11, encode([2, 'value'])],
    [12, encode([1, '__proto__'], [2, 'x'])],
  );
  const spec = encode(
    [6, entry('two', 'a', 'b')],
    [6, entry('none')],
    [6, encode([1, 'absent'])],
    [6, entry('__proto__', 'c')],
  );
  const read = signingRequest(meta, spec) as Record<string, Record<string, object>>;
  expect(read['metadata']?.['labels']).toEqual({ key: '', '': 'value' });
  expect(Object.entries(read['metadata']?.['annotations'] ?? {})).toEqual([['__proto__', 'x']]);
  const { extra = {} } = read['spec'] ?? {};
  expect(Object.entries(extra)).toEqual([
    ['two', ['a', 'b']],
    ['none', []],
    ['absent', []],
    ['__proto__', ['c']],
  ]);
  expect(Object.getPrototypeOf(extra)).toBe(Object.prototype);
});

test('two objects share nothing', () => {
  const spec = encode([4, 'group'], [6, encode([1, 'key'])]);
  const lists = (request: unknown) =>
    (request as { spec: { groups: string[]; extra: { key: string[] } } }).spec;
  const [one, other] = [lists(signingRequest(metadata, spec)), lists(signingRequest(metadata, spec))];
  one.groups.push('x');
  one.extra.key.push('x');
  expect(other).toMatchObject({ groups: ['group'], extra: { key: [] } });
});

test('managedFields and unknown fields are passed over', () => {
  const meta = encode([1, name], [17, encode([1, 'kubectl'])], [99, 'later']);
  expect(signingRequest(meta)).toMatchObject({ metadata: { name } });
  expect(signingRequest(meta)).not.toHaveProperty('metadata.managedFields');
});

test('the Status of an ERROR event', () => {
  const cause = encode([1, 'ResourceVersionTooLarge'], [2, 'Too large'], [3, '']);
  const status = encode(
    [1, encode([1, ''], [2, ''], [3, ''])],
    [2, 'Failure'],
    [3, 'too old'],
    [4, 'Expired'],
    [5, encode([1, ''], [4, cause], [5, 3])],
    [6, 410],
  );
  expect(readWatchEvent(encodeEvent('ERROR', encodeObject('v1', 'Status', status)))).toEqual({
    type: 'ERROR',
    object: {
      apiVersion: 'v1',
      kind: 'Status',
      metadata: {},
      status: 'Failure',
      message: 'too old',
      reason: 'Expired',
      details: {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large' }],
        retryAfterSeconds: 3,
      },
      code: 410,
    },
  });
});

describe('what is no event that we asked for', () => {
  const object = encodeObject(version, kind, encode([1, metadata]));
  const envelope = (...parts: readonly Part[]) =>
    Buffer.concat([Buffer.from('k8s\0', 'latin1'), encode([1, encode([1, 'v1'], [2, 'Status'])], ...parts)]);
  test.each([
    ['another magic', encodeEvent('ADDED', Buffer.concat([Buffer.from('k9s\0'), object.subarray(4)]))],
    ['no magic', encodeEvent('ADDED', object.subarray(4))],
    ['less than the magic', encodeEvent('ADDED', object.subarray(0, 3))],
    ['a kind that nobody asked for', encodeEvent('ADDED', encodeObject('v1', 'Pod', encode()))],
    ['a kind with the name of a property', encodeEvent('ADDED', encodeObject('', 'constructor', encode()))],
    ['no kind', encodeEvent('ADDED', encodeObject('', '', encode()))],
    ['compressed content', encodeEvent('ADDED', envelope([3, 'gzip']))],
    ['content that is JSON', encodeEvent('ADDED', envelope([4, 'application/json']))],
    ['an object with the wrong wire type', encode([1, 'ADDED'], [2, 1])],
    [
      'a number that is text',
      encodeEvent('ADDED', encodeObject(version, kind, encode([1, encode([7, ''])]))),
    ],
    [
      'a name with the wrong wire type',
      encodeEvent('ADDED', encodeObject(version, kind, encode([1, encode([1, 1])]))),
    ],
    ['a cut object', encodeEvent('ADDED', object).subarray(0, -1)],
  ])('%s is refused', (_what, frame) => {
    expect(codeOf(() => readWatchEvent(frame))).toBe('KUBE_RESPONSE_INVALID');
  });

  test('an event without an object has none', () => {
    expect(readWatchEvent(encode([1, 'ADDED']))).toEqual({ type: 'ADDED', object: undefined });
    expect(readWatchEvent(encode())).toEqual({ type: undefined, object: undefined });
  });
});

test('what there is protobuf for', () => {
  expect(hasProtobuf({ apiVersion: version, kind })).toBe(true);
  expect(hasProtobuf({ apiVersion: 'v1', kind: 'ConfigMap' })).toBe(false);
  expect(hasProtobuf({ apiVersion: 'certificates.k8s.io/v1beta1', kind })).toBe(false);
});
