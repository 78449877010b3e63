import { derError } from '#x509/der/der-error.ts';
import { longLength } from '#x509/der/length.ts';
import { oidText } from '#x509/der/oid.ts';
import { describeTag, Tag } from '#x509/der/tag.ts';
import { generalizedTimeSeconds, utcTimeSeconds } from '#x509/der/time.ts';
import { type X509Code, X509Error } from '#x509/error.ts';

const maxDepth = 16;
const maxNamedBitOctets = 4;

/**
 * Reads one DER document: `read` consumes it, and a byte left over is refused with `trailing`.
 * Nothing is copied: what the reader returns shares memory with `bytes`.
 */
export function readDer<T>(
  bytes: Buffer,
  read: (reader: DerReader) => T,
  trailing: X509Code = 'DER_TRAILING_BYTES',
): T {
  const reader = new DerReader(bytes);
  const value = read(reader);
  reader.finish(trailing);
  return value;
}

/**
 * A cursor over the elements of one constructed encoding, strict to X.690 §10 and §11: one-byte tags, definite
 * minimal lengths, no default values, and no way to leave an element without having read all of it. One cursor serves
 * a whole document: `within` narrows it to the contents of an element for as long as these are read.
 */
export class DerReader {
  readonly #bytes: Buffer;
  #end: number;
  #depth = 0;
  #at = 0;
  /** Where the contents of the element that was read last begin; they end at #at. */
  #contents = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** Whether the next element has this identifier octet: how OPTIONAL and CHOICE are read. */
  nextIs(tag: number): boolean {
    return this.#at < this.#end && this.#bytes[this.#at] === tag;
  }

  /** The next identifier octet. */
  nextTag(): number {
    const tag = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (tag === undefined) throw derError('DER_TRUNCATED', this.#at, 'is missing');
    return tag;
  }

  finish(code: X509Code = 'DER_TRAILING_BYTES'): void {
    if (this.atEnd) return;
    throw new X509Error(code, `${this.#end - this.#at} unexpected bytes at byte ${this.#at}`);
  }

  /** Reads the contents of the next element, which must have this tag, with `read`. */
  within<T>(tag: number, read: (inner: DerReader) => T): T {
    this.#open(tag);
    if (this.#depth === maxDepth)
      throw derError('DER_TOO_DEEP', this.#contents, `is nested deeper than ${maxDepth} levels`);
    const outerEnd = this.#end;
    this.#end = this.#at;
    this.#at = this.#contents;
    this.#depth += 1;
    const value = read(this);
    this.finish();
    this.#end = outerEnd;
    this.#depth -= 1;
    return value;
  }

  optional<T>(tag: number, read: (inner: DerReader) => T): T | undefined {
    return this.nextIs(tag) ? this.within(tag, read) : undefined;
  }

  /** Like `within`, for each element of a SET OF, which DER sorts by encoding (X.690 §11.6). */
  setOf(tag: number, read: (inner: DerReader) => void): void {
    this.within(tag, (inner) => {
      let previous = -1;
      while (!inner.atEnd) {
        const start = this.#at;
        read(inner);
        if (previous >= 0 && this.#bytes.compare(this.#bytes, start, this.#at, previous, start) > 0) {
          throw derError('DER_SET_ORDER', start, 'is not in the order of a DER SET OF');
        }
        previous = start;
      }
    });
  }

  /** Reads past the next element if it is, header included, exactly these bytes. */
  accept(element: Uint8Array): boolean {
    const { length } = element;
    if (length > this.#end - this.#at) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[this.#at + i] !== element[i]) return false;
    this.#at += length;
    return true;
  }

  /** The whole next element, header included, as it stands. */
  element(tag: number): Buffer {
    const start = this.#at;
    this.#open(tag);
    return this.#bytes.subarray(start, this.#at);
  }

  /** The whole next element, whatever it is, checked to be well-formed all the way down. */
  anyElement(): Buffer {
    const start = this.#at;
    this.#skipAny(this.nextTag());
    return this.#bytes.subarray(start, this.#at);
  }

  #skipAny(tag: number): void {
    if (tag === Tag.boolean) this.boolean();
    else if (tag === Tag.integer || tag === Tag.enumerated) this.#openInteger(tag);
    else if (tag === Tag.bmpString) this.#openCharacters(tag, 2);
    else if (tag === Tag.universalString) this.#openCharacters(tag, 4);
    else if (tag === Tag.bitString) this.#openBits();
    else if (tag === Tag.null) this.null();
    else if (tag === Tag.oid) this.oid();
    else if ((tag & 0x20) === 0) this.#open(tag);
    else {
      this.within(tag, (inner) => {
        while (!inner.atEnd) inner.anyElement();
      });
    }
    // X.690 §10.2: DER has no constructed strings; of the universal types only SEQUENCE and SET are constructed.
    const isList = (tag & 0x1f) === (Tag.sequence & 0x1f) || (tag & 0x1f) === (Tag.set & 0x1f);
    if (tag < 0x40 && (tag === 0 || isList !== ((tag & 0x20) !== 0))) {
      throw derError('DER_TAG_UNEXPECTED', this.#contents, `is ${describeTag(tag)}, which DER does not have`);
    }
  }

  /** The contents of the next element as bytes. */
  contents(tag: number): Buffer {
    this.#open(tag);
    return this.#bytes.subarray(this.#contents, this.#at);
  }

  /** The contents of the next element in hex. */
  hex(tag: number): string {
    this.#open(tag);
    return this.#bytes.toString('hex', this.#contents, this.#at);
  }

  /** The contents of the next element, a character per byte. */
  latin1(tag: number): string {
    this.#open(tag);
    return this.#bytes.toString('latin1', this.#contents, this.#at);
  }

  boolean(): boolean {
    this.#open(Tag.boolean);
    const value = this.#bytes[this.#contents];
    if (this.#length !== 1 || (value !== 0x00 && value !== 0xff)) {
      throw derError('DER_BOOLEAN_INVALID', this.#contents, 'is not a BOOLEAN of DER, which is 00 or ff');
    }
    return value === 0xff;
  }

  /** BOOLEAN DEFAULT FALSE: present only when it is TRUE (X.690 §11.5). */
  booleanOrFalse(): boolean {
    if (!this.nextIs(Tag.boolean)) return false;
    if (this.boolean()) return true;
    throw derError(
      'DER_DEFAULT_ENCODED',
      this.#contents,
      'encodes FALSE, which is the default and must be absent',
    );
  }

  null(): void {
    this.#open(Tag.null);
    if (this.#length !== 0) throw derError('DER_NULL_INVALID', this.#contents, 'is a NULL with contents');
  }

  /** Two's-complement contents of an INTEGER. */
  integer(tag: number = Tag.integer): Buffer {
    this.#openInteger(tag);
    return this.#bytes.subarray(this.#contents, this.#at);
  }

  /** A non-negative INTEGER below 2^31. */
  smallInteger(): number {
    this.#openInteger(Tag.integer);
    if (this.#length > 4 || ((this.#bytes[this.#contents] ?? 0) & 0x80) !== 0) {
      throw derError('DER_INTEGER_INVALID', this.#contents, 'is not an INTEGER from 0 to 2^31 - 1');
    }
    return this.#bytes.readUIntBE(this.#contents, this.#length);
  }

  #openInteger(tag: number): void {
    this.#open(tag);
    if (this.#length === 0)
      throw derError('DER_INTEGER_INVALID', this.#contents, `is ${describeTag(tag)} without contents`);
    const first = this.#bytes[this.#contents] ?? 0;
    const signBit = (this.#bytes[this.#contents + 1] ?? 0) & 0x80;
    if (this.#length > 1 && ((first === 0x00 && signBit === 0) || (first === 0xff && signBit !== 0))) {
      throw derError('DER_INTEGER_NOT_MINIMAL', this.#contents, `is ${describeTag(tag)} with padding`);
    }
  }

  /** Big-endian magnitude, without a sign octet, of an INTEGER above zero. */
  positiveInteger(): Buffer {
    const contents = this.integer();
    const first = contents[0] ?? 0;
    if (first >= 0x80 || (first === 0 && contents.length === 1)) {
      throw derError('DER_INTEGER_INVALID', this.#contents, 'is not a positive INTEGER');
    }
    return first === 0 ? contents.subarray(1) : contents;
  }

  /** A BIT STRING that holds whole octets: a key or a signature. */
  bitString(): Buffer {
    const unused = this.#openBits();
    if (unused !== 0) {
      throw derError(
        'DER_BIT_STRING_UNUSED_BITS',
        this.#contents,
        `leaves ${unused} bits unused where octets are expected`,
      );
    }
    return this.#bytes.subarray(this.#contents + 1, this.#at);
  }

  /** A BIT STRING of named bits: bit n of the standard is 1 << n. Trailing zero bits are refused (X.690 §11.2.2). */
  namedBits(): number {
    const unused = this.#openBits();
    const octets = this.#length - 1;
    const last = this.#bytes[this.#at - 1] ?? 0;
    if (octets > maxNamedBitOctets || (octets > 0 && (last & ((2 << unused) - 1)) !== 1 << unused)) {
      throw derError('DER_BIT_STRING_INVALID', this.#contents, 'is not the shortest form of a set of flags');
    }
    let bits = 0;
    for (let bit = 0; bit < octets * 8; bit++) {
      if (((this.#bytes[this.#contents + 1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) bits |= 1 << bit;
    }
    return bits;
  }

  oid(tag: number = Tag.oid): string {
    this.#open(tag);
    return oidText(this.#bytes, this.#contents, this.#at);
  }

  /** Epoch seconds of a Time: UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5). */
  time(): number {
    if (this.nextIs(Tag.generalizedTime)) {
      this.#open(Tag.generalizedTime);
      return generalizedTimeSeconds(this.#bytes, this.#contents, this.#at);
    }
    this.#open(Tag.utcTime);
    return utcTimeSeconds(this.#bytes, this.#contents, this.#at);
  }

  get #length(): number {
    return this.#at - this.#contents;
  }

  /** Opens a BIT STRING; returns how many bits of its last octet are padding, which must be zero. */
  #openBits(): number {
    this.#open(Tag.bitString);
    const unused = this.#bytes[this.#contents] ?? 0;
    const padding = this.#length === 1 ? unused : (this.#bytes[this.#at - 1] ?? 0) & ((1 << unused) - 1);
    if (this.#length === 0 || unused > 7 || padding !== 0) {
      throw derError('DER_BIT_STRING_INVALID', this.#contents, 'is a BIT STRING with wrong padding');
    }
    return unused;
  }

  /** Opens a string whose characters all have so many octets; which characters they are is not looked at. */
  #openCharacters(tag: number, octets: number): void {
    this.#open(tag);
    if (this.#length % octets === 0) return;
    throw derError('DER_STRING_INVALID', this.#contents, `ends within a character of ${octets} bytes`);
  }

  /** Reads tag and length of the next element, and moves the cursor behind its contents. */
  #open(tag: number): void {
    const start = this.#at;
    const found = this.nextTag();
    if ((found & 0x1f) === 0x1f) throw derError('DER_TAG_LONG_FORM', start, 'has a tag of several bytes');
    if (found !== tag) {
      throw derError(
        'DER_TAG_UNEXPECTED',
        start,
        `is ${describeTag(found)} where ${describeTag(tag)} is expected`,
      );
    }
    if (start + 1 >= this.#end) throw derError('DER_TRUNCATED', start, 'has no length');
    const first = this.#bytes[start + 1] ?? 0;
    this.#contents = start + 2 + (first < 0x80 ? 0 : first & 0x7f);
    const length = first < 0x80 ? first : longLength(this.#bytes, start, this.#end);
    if (length > this.#end - this.#contents) {
      throw derError(
        'DER_TRUNCATED',
        start,
        `says ${length} bytes where ${Math.max(0, this.#end - this.#contents)} are left`,
      );
    }
    this.#at = this.#contents + length;
  }
}
