import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { algorithm, ascii, bits, int, OID, octets, type Part, seq, set, tlv } from './der.ts';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const p256: KeyPair = generateKeyPairSync('ec', { namedCurve: 'P-256' });

export const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

export const exampleId = 'spiffe://cluster.local/ns/default/sa/web';

export const uriName = (uri: string): Buffer => ascii(0x86, uri);

export const extension = (oid: string, value: Part, critical: Part = ''): Buffer =>
  seq(oid, critical, octets(value));

export const altNames = (...names: readonly Buffer[]): Buffer => extension(OID.subjectAltName, seq(...names));

/** extensionRequest attribute. */
export const extensionRequest = (...extensions: readonly Buffer[]): Buffer =>
  seq(OID.extensionRequest, set(seq(...extensions)));

export interface RequestParts {
  readonly version?: Buffer;
  readonly subject?: Buffer;
  readonly spki?: Buffer;
  readonly attributes?: readonly Buffer[];
  /** Replaces the whole [0] element. */
  readonly attributeSet?: Buffer;
  readonly key?: KeyObject;
  readonly hash?: string | null;
  readonly algorithm?: Buffer;
  readonly unusedBits?: number;
}

export const requestInfo = (parts: RequestParts = {}): Buffer =>
  seq(
    parts.version ?? int('00'),
    parts.subject ?? seq(),
    parts.spki ?? spkiOf(p256.publicKey),
    parts.attributeSet ??
      tlv(0xa0, ...(parts.attributes ?? [extensionRequest(altNames(uriName(exampleId)))])),
  );

/** A certificate request whose signature is right for its bytes, whatever they are. */
export function signedRequest(parts: RequestParts = {}, info: Buffer = requestInfo(parts)): Buffer {
  const hash = parts.hash === undefined ? 'sha256' : parts.hash;
  let signature = sign(hash, info, parts.key ?? p256.privateKey);
  const unused = parts.unusedBits ?? 0;
  // Padding must be zero bits; an ECDSA signature is random, so sign until it happens to end so.
  while ((signature.readUInt8(signature.length - 1) & ((1 << unused) - 1)) !== 0) {
    signature = sign(hash, info, parts.key ?? p256.privateKey);
  }
  return seq(info, parts.algorithm ?? algorithm.ecdsaSha256, bits(unused, signature));
}

/** A request with these extensions in one extensionRequest. */
export const requestWith = (...extensions: readonly Buffer[]): Buffer =>
  signedRequest({ attributes: [extensionRequest(...extensions)] });
