import { createHash, X509Certificate } from 'node:crypto';

/** Every certificate of a PEM text, in its order. */
export function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

export function decoded(base64 = ''): string {
  return Buffer.from(base64, 'base64').toString();
}

/** In hex. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function fingerprintOf({ raw }: X509Certificate): string {
  return sha256(raw);
}

export function spkiSha256Of({ publicKey }: X509Certificate): string {
  return sha256(publicKey.export({ type: 'spki', format: 'der' }));
}

/** Of the bytes that were signed: the first element of the outer SEQUENCE. */
export function tbsSha256Of({ raw }: X509Certificate): string {
  const start = contentAt(raw, 0);
  const content = contentAt(raw, start);
  return sha256(raw.subarray(start, content + lengthAt(raw, start)));
}

/** Serial as the ledger has it: two digits for each octet. */
export function serialOf({ serialNumber }: X509Certificate): string {
  const hex = serialNumber.toLowerCase();
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

export function expiryOf({ validTo }: X509Certificate): number {
  return Date.parse(validTo) / 1000;
}

function lengthAt(der: Buffer, at: number): number {
  const first = der[at + 1] ?? 0;
  return first < 0x80 ? first : der.readUIntBE(at + 2, first - 0x80);
}

function contentAt(der: Buffer, at: number): number {
  const first = der[at + 1] ?? 0;
  return at + 2 + (first < 0x80 ? 0 : first - 0x80);
}
