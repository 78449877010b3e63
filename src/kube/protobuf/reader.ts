import { MangroveError } from '#errors/error.ts';

/** What follows a tag (protobuf.dev/programming-guides/encoding). */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;

const twoTo32 = 2 ** 32;

/**
 * What Buffer.toString comes to once it has looked at its arguments, which takes it as long again as a short text does. Not documented, and
 * in every Node since the first.
 */
type Sliced = Buffer & Readonly<Record<'utf8Slice' | 'base64Slice', (start: number, end: number) => string>>;

/**
 * The fields of one message, in the order in which they lie there. Whatever the bytes are, each call moves on or throws MangroveError
 * KUBE_RESPONSE_INVALID; nothing outside of the message is read.
 */
export class ProtobufReader {
  readonly #bytes: Sliced;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes as Sliced;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Field number times eight, plus the wire type. */
  tag(): number {
    const tag = this.integer();
    if (tag < 8 || tag >= twoTo32) throw invalid('a field has no number');
    return tag;
  }

  /** An int32 or int64. Beyond 2^53 it is rounded, as JSON.parse does: who may delete a pod may write such a grace period. */
  integer(): number {
    const first = this.#byte();
    return first < 0x80 ? first : this.#longInteger(first & 0x7f);
  }

  boolean(): boolean {
    return this.integer() !== 0;
  }

  text(): string {
    const start = this.#take(this.integer());
    return start === this.#at ? '' : this.#bytes.utf8Slice(start, this.#at);
  }

  /** Bytes, as JSON has them. */
  base64(): string {
    const start = this.#take(this.integer());
    return this.#bytes.base64Slice(start, this.#at);
  }

  /** A message within this one; it lies where it lies. */
  message(): ProtobufReader {
    const start = this.#take(this.integer());
    return new ProtobufReader(this.#bytes, start, this.#at);
  }

  /** Whether these bytes come next; then they are passed over. */
  passes(prefix: Buffer): boolean {
    const end = this.#at + prefix.length;
    if (end > this.#end || this.#bytes.compare(prefix, 0, prefix.length, this.#at, end) !== 0) return false;
    this.#at = end;
    return true;
  }

  /** Passes over the value of a field that nobody asked for. */
  skip(tag: number): void {
    // Groups lie within each other as deep as somebody likes: they are counted, not descended into.
    let groups = 0;
    for (let next = tag; ; next = this.tag()) {
      groups += this.#skipValue(next & 7);
      if (groups < 0) throw invalid('a group ends that did not begin');
      if (groups === 0) return;
    }
  }

  /** How many groups deeper one is behind it. */
  #skipValue(type: number): -1 | 0 | 1 {
    switch (type) {
      case wireType.varint:
        this.integer();
        return 0;
      case wireType.fixed64:
        this.#take(8);
        return 0;
      case wireType.bytes:
        this.#take(this.integer());
        return 0;
      case wireType.groupStart:
        return 1;
      case wireType.groupEnd:
        return -1;
      case wireType.fixed32:
        this.#take(4);
        return 0;
      default:
        throw invalid('a field has an unknown wire type');
    }
  }

  /** Where the next so many bytes begin; they are passed over. */
  #take(length: number): number {
    const start = this.#at;
    if (length < 0 || length > this.#end - start) throw invalid('a field ends beyond its message');
    this.#at = start + length;
    return start;
  }

  /** A varint of several bytes, seven bits in each, whose first seven are known: 64 bits of two's complement. */
  #longInteger(first: number): number {
    let low = first;
    let high = 0;
    for (let shift = 7; shift < 70; shift += 7) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high = bits >>> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (byte < 0x80) return joined(low >>> 0, high >>> 0);
    }
    throw invalid('a varint is longer than ten bytes');
  }

  #byte(): number {
    const byte = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (byte === undefined) throw invalid('a message ends in the middle of a field');
    this.#at++;
    return byte;
  }
}

/** Both halves are exact, so that only the last addition rounds. */
function joined(low: number, high: number): number {
  if (high < 0x8000_0000) return high * twoTo32 + low;
  return -((~high >>> 0) * twoTo32 + ((~low >>> 0) + 1));
}

/** Never with any of the bytes: they may be a secret's. */
export function invalid(what: string): MangroveError {
  return new MangroveError('KUBE_RESPONSE_INVALID', `protobuf: ${what}`);
}
