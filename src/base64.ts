/**
 * Base64 (RFC 4648 §4) from bytes to bytes. Node's own goes through a string, and a string with a key in it cannot be wiped:
 * V8 copies it about and it lies in every heap snapshot until it is overwritten by chance.
 */
const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 'latin1');
const padding = 0x3d;

const sextets: readonly (number | undefined)[] = Array.from({ length: 256 }, (_, byte) => {
  const found = alphabet.indexOf(byte);
  return found < 0 ? undefined : found;
});

/** A Buffer of its own, to be wiped by whoever asked for it. */
export function encodeBase64(bytes: Uint8Array): Buffer {
  const text = Buffer.alloc(Math.ceil(bytes.length / 3) * 4, padding);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    for (; bits >= 6; bits -= 6) text[at++] = alphabet[(held >> (bits - 6)) & 63] ?? 0;
  }
  if (bits > 0) text[at] = alphabet[(held << (6 - bits)) & 63] ?? 0;
  return text;
}

/** Undefined for anything but whole groups of four with correct padding: nothing is skipped. */
export function decodeBase64(text: Uint8Array): Buffer | undefined {
  if (text.length % 4 !== 0) return undefined;
  let end = text.length;
  while (end > 0 && text.length - end < 2 && text[end - 1] === padding) end--;
  const bytes = Buffer.alloc(Math.floor((end * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text.subarray(0, end)) {
    const sextet = sextets[character];
    if (sextet === undefined) {
      bytes.fill(0);
      return undefined;
    }
    held = ((held << 6) | sextet) & 0x3fff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (held >> bits) & 255;
  }
  return bytes;
}
