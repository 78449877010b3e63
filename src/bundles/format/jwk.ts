import { parseCertificate } from '#x509/certificate.ts';
import { readDer } from '#x509/der/reader.ts';
import { Tag } from '#x509/der/tag.ts';
import type { PublicKey } from '#x509/public-key.ts';

/** A root as an element of a SPIFFE bundle (X509-SVID §6.1): no `kid`, and exactly one certificate in `x5c`. */
export type Jwk = KeyParameters & { readonly use: 'x509-svid'; readonly x5c: readonly [string] };

/** The public key itself, its numbers in base64url (RFC 7518 §6.2.1 and §6.3.1, RFC 8037 §2). */
type KeyParameters =
  | { readonly kty: 'EC'; readonly crv: EcCurveName; readonly x: string; readonly y: string }
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };
type EcCurveName = 'P-256' | 'P-384' | 'P-521';

/** Members stand in this order in every text. Throws what `parseCertificate` throws. */
export function jwkOf(der: Buffer): Jwk {
  const { publicKey } = parseCertificate(der);
  return { ...keyParameters(publicKey), use: 'x509-svid', x5c: [der.toString('base64')] };
}

function keyParameters({ algorithm, spki }: PublicKey): KeyParameters {
  const bits = keyBits(spki);
  switch (algorithm) {
    case 'ECDSA-P256':
      return coordinates('P-256', bits);
    case 'ECDSA-P384':
      return coordinates('P-384', bits);
    case 'ECDSA-P521':
      return coordinates('P-521', bits);
    case 'Ed25519':
      return { kty: 'OKP', crv: 'Ed25519', x: base64url(bits) };
    case 'RSA-2048':
    case 'RSA-3072':
    case 'RSA-4096':
      return modulusAndExponent(bits);
  }
}

/** The BIT STRING of a SubjectPublicKeyInfo, whose algorithm `parsePublicKey` has read. */
function keyBits(spki: Buffer): Buffer {
  return readDer(spki, (outer) =>
    outer.within(Tag.sequence, (info) => {
      info.element(Tag.sequence);
      return info.bitString();
    }),
  );
}

/** Leading zeros stay: a coordinate is as long as its field (RFC 7518 §6.2.1.2). */
function coordinates(crv: EcCurveName, point: Buffer): KeyParameters {
  const middle = (point.length + 1) / 2;
  return { kty: 'EC', crv, x: base64url(point.subarray(1, middle)), y: base64url(point.subarray(middle)) };
}

/** Without the sign octet of DER: a Base64urlUInt has the fewest octets (RFC 7518 §2). */
function modulusAndExponent(bits: Buffer): KeyParameters {
  return readDer(bits, (outer) =>
    outer.within(Tag.sequence, (key) => ({
      kty: 'RSA',
      n: base64url(key.positiveInteger()),
      e: base64url(key.positiveInteger()),
    })),
  );
}

function base64url(bytes: Buffer): string {
  return bytes.toString('base64url');
}
