import { X509Error } from '#x509/error.ts';

/** One element: identifier octet, minimal length, then the parts one after the other. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const lengthOctets = length < 0x80 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 4;
  const der = Buffer.allocUnsafe(1 + lengthOctets + length);
  der[0] = tag;
  if (lengthOctets === 1) {
    der[1] = length;
  } else {
    der[1] = 0x80 | (lengthOctets - 1);
    der.writeUIntBE(length, 2, lengthOctets - 1);
  }
  let at = 1 + lengthOctets;
  for (const part of parts) {
    der.set(part, at);
    at += part.length;
  }
  return der;
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => element(0x30, ...parts);
export const octetString = (bytes: Uint8Array): Buffer => element(0x04, bytes);
/** [n] EXPLICIT, or [n] IMPLICIT around something constructed. */
export const contextConstructed = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  element(0xa0 | number, ...parts);
/** [n] IMPLICIT around something primitive. */
export const contextPrimitive = (number: number, bytes: Uint8Array): Buffer => element(0x80 | number, bytes);

export const booleanTrue = Buffer.from([0x01, 0x01, 0xff]);

const noPadding = Buffer.from([0]);

/** A BIT STRING of whole octets. */
export const bitString = (bytes: Uint8Array): Buffer => element(0x03, noPadding, bytes);

/** SET OF: DER sorts the members by encoding (X.690 §11.6). */
export function setOf(...members: readonly Buffer[]): Buffer {
  return element(0x31, ...members.toSorted((a, b) => Buffer.compare(a, b)));
}

/** A BIT STRING of named bits, bit n given as 1 << n, without trailing zeros (X.690 §11.2.2). */
export function namedBits(bits: number): Buffer {
  if (bits === 0) return element(0x03, noPadding);
  const highest = 31 - Math.clz32(bits);
  const octets = Buffer.alloc((highest >> 3) + 1);
  for (let bit = 0; bit <= highest; bit++) {
    if ((bits & (1 << bit)) !== 0) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  }
  return element(0x03, Buffer.from([7 - (highest & 7)]), octets);
}

/** INTEGER of an unsigned big-endian magnitude. */
export function unsignedInteger(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const digits = magnitude.subarray(start);
  const first = digits[0];
  if (first === undefined) throw new X509Error('ENCODING_INVALID', 'an INTEGER needs at least one octet');
  return first < 0x80 ? element(0x02, digits) : element(0x02, noPadding, digits);
}

export function smallInteger(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0 || value > 0x7fffffff) {
    throw new X509Error('ENCODING_INVALID', `${value} is not an integer from 0 to 2^31 - 1`);
  }
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return unsignedInteger(octets);
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

const year1950 = -631_152_000;
const year2050 = 2_524_608_000;
const year10000 = 253_402_300_800;

/** Time of a certificate: UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5). */
export function time(seconds: number): Buffer {
  if (!Number.isSafeInteger(seconds) || seconds < year1950 || seconds >= year10000) {
    throw new X509Error('ENCODING_INVALID', `${seconds} is not a whole second of the years 1950 to 9999`);
  }
  const date = new Date(seconds * 1000);
  const day = digits(date.getUTCMonth() + 1) + digits(date.getUTCDate());
  const clock = digits(date.getUTCHours()) + digits(date.getUTCMinutes()) + digits(date.getUTCSeconds());
  const year = date.getUTCFullYear();
  return seconds < year2050
    ? element(0x17, Buffer.from(`${digits(year % 100)}${day}${clock}Z`, 'latin1'))
    : element(0x18, Buffer.from(`${year}${day}${clock}Z`, 'latin1'));
}

function digits(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}
