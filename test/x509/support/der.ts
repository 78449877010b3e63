// A DER builder of the tests' own, so that a mistake of ours cannot cancel itself out. It builds wrong encodings too.

export type Part = Uint8Array | string;

const bytes = (part: Part): Uint8Array => (typeof part === 'string' ? Buffer.from(part, 'hex') : part);

/** One element; strings are hex. */
export function tlv(tag: number, ...parts: readonly Part[]): Buffer {
  const contents = Buffer.concat(parts.map(bytes));
  return Buffer.concat([Buffer.from([tag]), shortestLength(contents.length), contents]);
}

function shortestLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const hex = length.toString(16);
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([0x80 | octets.length]), octets]);
}

export const seq = (...parts: readonly Part[]): Buffer => tlv(0x30, ...parts);
export const set = (...parts: readonly Part[]): Buffer => tlv(0x31, ...parts);
export const int = (hex: string): Buffer => tlv(0x02, hex);
export const octets = (...parts: readonly Part[]): Buffer => tlv(0x04, ...parts);
export const bits = (unused: number, ...parts: readonly Part[]): Buffer =>
  tlv(0x03, Buffer.from([unused]), ...parts);
export const ascii = (tag: number, text: string): Buffer => tlv(tag, Buffer.from(text, 'latin1'));
export const utc = (text: string): Buffer => ascii(0x17, text);
export const generalized = (text: string): Buffer => ascii(0x18, text);
export const TRUE = Buffer.from('0101ff', 'hex');
export const FALSE = Buffer.from('010100', 'hex');
export const NULL = Buffer.from('0500', 'hex');

/** The same element with its length spelled in `octets` length octets more than needed. */
export function withLongLength(element: Buffer): Buffer {
  const contents = contentsOf(element);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(contents.length);
  return Buffer.concat([element.subarray(0, 1), Buffer.from([0x84]), length, contents]);
}

/** The same element with an indefinite length and end-of-contents octets. */
export function withIndefiniteLength(element: Buffer): Buffer {
  return Buffer.concat([
    element.subarray(0, 1),
    Buffer.from([0x80]),
    contentsOf(element),
    Buffer.from([0, 0]),
  ]);
}

export function contentsOf(element: Buffer): Buffer {
  const first = element.readUInt8(1);
  return element.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f));
}

/** Complete OBJECT IDENTIFIER elements. */
export const OID = {
  commonName: '0603550403',
  organization: '060355040a',
  serialNumber: '0603550405',
  subjectKeyId: '0603551d0e',
  keyUsage: '0603551d0f',
  subjectAltName: '0603551d11',
  basicConstraints: '0603551d13',
  nameConstraints: '0603551d1e',
  authorityKeyId: '0603551d23',
  extendedKeyUsage: '0603551d25',
  serverAuth: '06082b06010505070301',
  clientAuth: '06082b06010505070302',
  ecPublicKey: '06072a8648ce3d0201',
  prime256v1: '06082a8648ce3d030107',
  rsaEncryption: '06092a864886f70d010101',
  ed25519: '06032b6570',
  extensionRequest: '06092a864886f70d01090e',
  challengePassword: '06092a864886f70d010907',
  unstructuredName: '06092a864886f70d010902',
} as const;

/** Complete AlgorithmIdentifier elements. */
export const algorithm = {
  ecdsaSha256: Buffer.from('300a06082a8648ce3d040302', 'hex'),
  ecdsaSha256WithNull: Buffer.from('300c06082a8648ce3d0403020500', 'hex'),
  ecdsaSha1: Buffer.from('300906072a8648ce3d0401', 'hex'),
  ecdsaSha384: Buffer.from('300a06082a8648ce3d040303', 'hex'),
  ecdsaSha512: Buffer.from('300a06082a8648ce3d040304', 'hex'),
  rsaSha256: Buffer.from('300d06092a864886f70d01010b0500', 'hex'),
  rsaSha256WithoutNull: Buffer.from('300b06092a864886f70d01010b', 'hex'),
  ed25519: Buffer.from('300506032b6570', 'hex'),
} as const;
