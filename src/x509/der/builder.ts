import { lengthOctets, writeHeader } from '#x509/der/writer.ts';
import { X509Error } from '#x509/error.ts';

/** Adds one element, or several, to a document. */
export type WriteDer = (der: DerBuilder) => void;

/**
 * Writes one DER document, front to back, into one Buffer: for what every certificate needs anew, where a Buffer per
 * element (writer.ts) would be most of the work.
 */
export function buildDer(write: WriteDer): Buffer {
  const builder = new DerBuilder();
  write(builder);
  return builder.written();
}

const initialBytes = 1024;

/** Nests like the DerReader that reads it back. */
export class DerBuilder {
  #bytes: Buffer = Buffer.allocUnsafe(initialBytes);
  #at = 0;

  written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** What is DER already, as it stands. */
  put(der: Uint8Array): void {
    this.#reserve(der.length);
    this.#bytes.set(der, this.#at);
    this.#at += der.length;
  }

  /** An element whose contents `write` adds. Their length is known only then, and moves them if it is a long one. */
  within(tag: number, write: WriteDer): void {
    this.#reserve(2);
    const start = this.#at;
    const contents = start + 2;
    this.#at = contents;
    write(this);
    const length = this.#at - contents;
    const moved = start + 1 + lengthOctets(length);
    this.#reserve(moved - contents);
    if (moved !== contents) this.#bytes.copyWithin(moved, contents, this.#at);
    this.#at = writeHeader(this.#bytes, start, tag, length) + length;
  }

  /** An element with these octets. */
  octets(tag: number, bytes: Uint8Array): void {
    this.#header(tag, bytes.length);
    this.put(bytes);
  }

  /** An element with these ASCII characters. */
  ascii(tag: number, text: string): void {
    this.#header(tag, text.length);
    this.#at += this.#bytes.write(text, this.#at, 'latin1');
  }

  /** An element with the octets of this hex. */
  hex(tag: number, digits: string): void {
    this.#header(tag, digits.length / 2);
    this.#at += this.#bytes.write(digits, this.#at, 'hex');
  }

  /** A BIT STRING of whole octets. */
  bitString(bytes: Uint8Array): void {
    this.#header(0x03, 1 + bytes.length);
    this.#octet(0);
    this.put(bytes);
  }

  /** A BIT STRING of named bits, bit n given as 1 << n, without trailing zeros (X.690 §11.2.2). */
  namedBits(bits: number): void {
    const count = 32 - Math.clz32(bits);
    const octets = Math.ceil(count / 8);
    this.#header(0x03, 1 + octets);
    this.#octet(octets * 8 - count);
    for (let first = 0; first < count; first += 8) {
      let octet = 0;
      for (let bit = 0; bit < 8; bit++) if ((bits & (1 << (first + bit))) !== 0) octet |= 0x80 >> bit;
      this.#octet(octet);
    }
  }

  /** INTEGER of an unsigned big-endian magnitude. */
  unsignedInteger(magnitude: Uint8Array): void {
    let first = 0;
    while (first < magnitude.length - 1 && magnitude[first] === 0) first++;
    const lead = magnitude[first];
    if (lead === undefined) throw new X509Error('ENCODING_INVALID', 'an INTEGER needs at least one octet');
    const signed = lead < 0x80 ? 0 : 1;
    this.#header(0x02, signed + magnitude.length - first);
    if (signed === 1) this.#octet(0);
    for (let i = first; i < magnitude.length; i++) this.#octet(magnitude[i] ?? 0);
  }

  /** Time of a certificate, of epoch seconds: UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5). */
  time(seconds: number): void {
    if (!Number.isSafeInteger(seconds) || seconds < year1950 || seconds >= year10000) {
      throw new X509Error('ENCODING_INVALID', `${seconds} is not a whole second of the years 1950 to 9999`);
    }
    const date = new Date(seconds * 1000);
    const year = date.getUTCFullYear();
    if (year < 2050) this.#header(0x17, 13);
    else {
      this.#header(0x18, 15);
      this.#twoDigits(Math.floor(year / 100));
    }
    this.#twoDigits(year % 100);
    this.#twoDigits(date.getUTCMonth() + 1);
    this.#twoDigits(date.getUTCDate());
    this.#twoDigits(date.getUTCHours());
    this.#twoDigits(date.getUTCMinutes());
    this.#twoDigits(date.getUTCSeconds());
    this.#octet(0x5a);
  }

  #twoDigits(number: number): void {
    this.#octet(0x30 + Math.floor(number / 10));
    this.#octet(0x30 + (number % 10));
  }

  /** Within what the header reserved. */
  #octet(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  #header(tag: number, length: number): void {
    this.#reserve(1 + lengthOctets(length) + length);
    this.#at = writeHeader(this.#bytes, this.#at, tag, length);
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + length));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

const year1950 = -631_152_000;
const year10000 = 253_402_300_800;
