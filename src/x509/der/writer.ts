import { X509Error } from '#x509/error.ts';

/** How many octets the length of an element takes (X.690 §10.1: the fewest). */
export function lengthOctets(length: number): number {
  return length < 0x80 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 4;
}

/** Writes identifier octet and length; returns where the contents begin. */
export function writeHeader(der: Buffer, at: number, tag: number, length: number): number {
  der[at] = tag;
  const octets = lengthOctets(length);
  if (octets === 1) der[at + 1] = length;
  else {
    der[at + 1] = 0x80 | (octets - 1);
    der.writeUIntBE(length, at + 2, octets - 1);
  }
  return at + 1 + octets;
}

/** One element: identifier octet, minimal length, then the parts one after the other. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const der = Buffer.allocUnsafe(1 + lengthOctets(length) + length);
  let at = writeHeader(der, 0, tag, length);
  for (const part of parts) {
    der.set(part, at);
    at += part.length;
  }
  return der;
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => element(0x30, ...parts);

export const booleanTrue = Buffer.from([0x01, 0x01, 0xff]);

/** SET OF: DER sorts the members by encoding (X.690 §11.6). */
export function setOf(...members: readonly Buffer[]): Buffer {
  return element(0x31, ...members.toSorted((a, b) => Buffer.compare(a, b)));
}

/** INTEGER from 0 to 2^31 - 1. */
export function smallInteger(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0 || value > 0x7fffffff) {
    throw new X509Error('ENCODING_INVALID', `${value} is not an integer from 0 to 2^31 - 1`);
  }
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  // As many octets as leave the topmost bit, which is the sign, zero.
  return element(0x02, octets.subarray((Math.clz32(value) - 1) >> 3));
}

/** OBJECT IDENTIFIER of a dotted text such as `2.5.29.15`. */
export function oid(dotted: string): Buffer {
  if (!/^(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))*$/.test(dotted)) {
    throw new X509Error('ENCODING_INVALID', `"${dotted}" is not an object identifier`);
  }
  const [root = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  return element(0x06, Buffer.from([root * 40n + second, ...rest].flatMap(septets)));
}

function septets(arc: bigint): number[] {
  const digits = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) digits.unshift(Number(rest & 0x7fn) | 0x80);
  return digits;
}
