import { derError } from '#x509/der/der-error.ts';

/**
 * The length in its long form of the element that begins at `start`; what holds it ends at `end`. It must be definite and the shortest
 * form (X.690 §10.1).
 * @throws X509Error DER_LENGTH_INDEFINITE, DER_LENGTH_NOT_MINIMAL, DER_TRUNCATED
 */
export function longLength(bytes: Buffer, start: number, end: number): number {
  const octets = (bytes[start + 1] ?? 0) & 0x7f;
  const first = start + 2;
  if (octets === 0) throw derError('DER_LENGTH_INDEFINITE', start, 'has an indefinite length');
  if (octets > end - first) throw derError('DER_TRUNCATED', start, 'ends within its length');
  let length = 0;
  for (let at = first; at < first + octets; at++) length = length * 256 + (bytes[at] ?? 0);
  if (bytes[first] === 0 || length < 0x80)
    throw derError('DER_LENGTH_NOT_MINIMAL', start, 'does not use the shortest form of its length');
  return length;
}
