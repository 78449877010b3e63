/** `size` bytes from a cryptographically strong generator. Passed in, so that tests can choose. */
export type RandomBytes = (size: number) => Buffer;

const randomLength = 16;

/**
 * A certificate serial number: one replica byte (0x01 to 0x7f) and 128 random bits.
 *
 * The first byte keeps the number positive, non-zero and 17 octets long whatever the random part is
 * (RFC 5280 §4.1.2.2 allows 20), and two replicas that share a broken generator still do not collide.
 */
export function newSerial(replicaByte: number, random: RandomBytes): Buffer {
  const serial = Buffer.allocUnsafe(1 + randomLength);
  serial[0] = replicaByte;
  serial.set(random(randomLength), 1);
  return serial;
}

/** The replica byte of a replica's ordinal, as in `mangrove-3`; names without one share the last byte. */
export function replicaByte(replica: string): number {
  const ordinal = /-(\d{1,6})$/.exec(replica)?.[1];
  return ordinal === undefined ? 0x7f : 0x01 + (Number(ordinal) % 0x7e);
}

const poolSize = 4096;

/**
 * The same generator, asked for thousands of bytes at a time: a call costs microseconds whatever its size. Bytes that
 * were handed out are wiped, so that no byte serves twice.
 */
export function pooled(random: RandomBytes): RandomBytes {
  let pool: Buffer = Buffer.alloc(0);
  let at = 0;
  return (size) => {
    if (size > poolSize) return random(size);
    if (pool.length - at < size) {
      pool = random(poolSize);
      at = 0;
    }
    const bytes = Buffer.allocUnsafe(size);
    for (let i = 0; i < size; i++, at++) {
      bytes[i] = pool[at] ?? 0;
      pool[at] = 0;
    }
    return bytes;
  };
}
