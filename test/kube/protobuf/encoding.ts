/** The writing side of protobuf, as far as tests need it. */

export type Part = readonly [number: number, value: bigint | number | boolean | string | Uint8Array];

/** A message of these fields, in this order. Numbers are varints, all else is length-delimited. */
export function encode(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map(([number, value]) => {
      if (typeof value === 'string') return delimited(number, Buffer.from(value));
      if (value instanceof Uint8Array) return delimited(number, value);
      return Buffer.concat([varint(number * 8), varint(value)]);
    }),
  );
}

function delimited(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** Negative ones in ten bytes, as int32 and int64 have them. */
export function varint(value: bigint | number | boolean): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  for (; left >= 0x80n; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  bytes.push(Number(left));
  return Buffer.from(bytes);
}

/** An object as the API server sends it: the magic, and runtime.Unknown around its message. */
export function encodeObject(apiVersion: string, kind: string, raw: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from('k8s\0', 'latin1'),
    encode([1, encode([1, apiVersion], [2, kind])], [2, raw], [3, ''], [4, '']),
  ]);
}

/** A WatchEvent. */
export function encodeEvent(type: string, object: Uint8Array): Buffer {
  return encode([1, type], [2, encode([1, object])]);
}

/** With its length before it. */
export function frame(bytes: Uint8Array): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(bytes.length);
  return Buffer.concat([prefix, bytes]);
}
