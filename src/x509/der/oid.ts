import { X509Error } from '#x509/error.ts';

/** Far above any OID in use; bounds the work on a hostile one. */
const maxOctets = 64;
/** Seven septets are 49 bits and fit a number exactly. */
const maxNumberSeptets = 7;

/** Dotted form of the OBJECT IDENTIFIER contents `bytes[from, to)` (X.690 §8.19). */
export function oidText(bytes: Buffer, from: number, to: number): string {
  for (const { octets, text } of common.get(bytes[to - 1]) ?? []) {
    if (octets.length === to - from && isAt(bytes, from, octets)) return text;
  }
  return decode(bytes, from, to);
}

function isAt(bytes: Buffer, from: number, octets: Buffer): boolean {
  for (let i = 0; i < octets.length; i++) if (bytes[from + i] !== octets[i]) return false;
  return true;
}

function decode(bytes: Buffer, from: number, to: number): string {
  if (to === from || to - from > maxOctets) throw invalid(from, `has ${to - from} octets`);
  let text = '';
  let start = from;
  for (let at = from; at < to; at++) {
    if (((bytes[at] ?? 0) & 0x80) !== 0) continue;
    if (bytes[start] === 0x80) throw invalid(start, 'has a padded arc');
    text += text === '' ? firstArcs(bytes, start, at) : `.${arc(bytes, start, at)}`;
    start = at + 1;
  }
  if (start !== to) throw invalid(start, 'ends within an arc');
  return text;
}

function arc(bytes: Buffer, from: number, last: number): number | bigint {
  if (last - from >= maxNumberSeptets) return bigArc(bytes, from, last);
  let value = 0;
  for (let at = from; at <= last; at++) value = value * 128 + ((bytes[at] ?? 0) & 0x7f);
  return value;
}

function bigArc(bytes: Buffer, from: number, last: number): bigint {
  let value = 0n;
  for (let at = from; at <= last; at++) value = (value << 7n) | BigInt((bytes[at] ?? 0) & 0x7f);
  return value;
}

/** The first subidentifier holds two arcs: 40 × first + second, where only first = 2 may have second ≥ 40. */
function firstArcs(bytes: Buffer, from: number, last: number): string {
  const both = arc(bytes, from, last);
  if (typeof both === 'bigint') return `2.${both - 80n}`;
  return both < 80 ? `${Math.floor(both / 40)}.${both % 40}` : `2.${both - 80}`;
}

function invalid(at: number, what: string): X509Error {
  return new X509Error('DER_OID_INVALID', `OBJECT IDENTIFIER at byte ${at} ${what}`);
}

/**
 * What nearly every request and certificate carries, by its last octet: found by its octets, it needs no new string.
 * The texts are decoded from them here, so that nothing is written twice.
 */
const common = Map.groupBy(
  [
    '550403', // commonName
    '550405', // serialNumber
    '551d0e', // subjectKeyIdentifier
    '551d0f', // keyUsage
    '551d11', // subjectAltName
    '551d13', // basicConstraints
    '551d23', // authorityKeyIdentifier
    '551d25', // extKeyUsage
    '2b06010505070301', // serverAuth
    '2b06010505070302', // clientAuth
    '2a8648ce3d0201', // ecPublicKey
    '2a8648ce3d030107', // P-256
    '2a864886f70d010101', // rsaEncryption
    '2a864886f70d01090e', // extensionRequest
  ].map((hex) => {
    const octets = Buffer.from(hex, 'hex');
    return { octets, text: decode(octets, 0, octets.length) };
  }),
  ({ octets }) => octets.at(-1),
);
