import { hash } from 'node:crypto';
import { type DerReader, readDer } from '#x509/der/reader.ts';
import { Tag } from '#x509/der/tag.ts';
import { type EllipticCurve, ellipticCurves, isOnCurve } from '#x509/elliptic-curve.ts';
import { X509Error } from '#x509/error.ts';
import { assertStrongModulus } from '#x509/rsa-weakness.ts';

export type KeyAlgorithm = EllipticCurve['algorithm'] | 'Ed25519' | 'RSA-2048' | 'RSA-3072' | 'RSA-4096';

/** A SubjectPublicKeyInfo that passed every check of `parsePublicKey`. */
export interface PublicKey {
  readonly algorithm: KeyAlgorithm;
  /** The whole DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  /** 20 bytes in hex: the leftmost 160 bits of the SHA-256 of the key's BIT STRING (RFC 7093 §2, method 1). */
  readonly keyId: string;
  /** SHA-256 of the SubjectPublicKeyInfo, in hex. */
  readonly sha256: string;
}

const ecPublicKey = '1.2.840.10045.2.1';
const ed25519 = '1.3.101.112';
const rsaEncryption = '1.2.840.113549.1.1.1';

const curves = new Map(ellipticCurves.map((curve) => [curve.oid, curve]));

/**
 * Reads a SubjectPublicKeyInfo: EC on a curve named by its OID with an uncompressed point of that curve, Ed25519, or
 * RSA of exactly 2048, 3072 or 4096 bits with e = 65537 and no known weakness. Node cannot be asked: it reports a curve with explicit
 * parameters under its name, and accepts compressed points. Throws `KEY_*` and `DER_*`.
 */
export function parsePublicKey(spki: Buffer): PublicKey {
  return readDer(spki, (outer) =>
    outer.within(Tag.sequence, (info) => {
      const checkBits = info.within(Tag.sequence, readAlgorithm);
      const bits = info.bitString();
      return new CheckedPublicKey(checkBits(bits), spki, bits);
    }),
  );
}

type BitsCheck = (bits: Buffer) => KeyAlgorithm;

function readAlgorithm(reader: DerReader): BitsCheck {
  const algorithm = reader.oid();
  switch (algorithm) {
    case ecPublicKey:
      return readCurve(reader);
    case ed25519:
      if (!reader.atEnd)
        throw new X509Error('KEY_PARAMETERS_INVALID', 'an Ed25519 key has no parameters (RFC 8410 §3)');
      return checkEd25519;
    case rsaEncryption:
      if (!reader.nextIs(Tag.null)) {
        throw new X509Error(
          'KEY_PARAMETERS_INVALID',
          'the parameters of an RSA key are NULL (RFC 3279 §2.3.1)',
        );
      }
      reader.null();
      return checkRsa;
    default:
      throw new X509Error('KEY_ALGORITHM_UNSUPPORTED', `a key of the algorithm ${algorithm}`);
  }
}

function readCurve(reader: DerReader): BitsCheck {
  if (reader.nextIs(Tag.sequence)) {
    throw new X509Error(
      'KEY_EXPLICIT_PARAMETERS',
      'the key spells its curve out instead of naming it (RFC 5480 §2.1.1)',
    );
  }
  if (!reader.nextIs(Tag.oid)) {
    throw new X509Error('KEY_PARAMETERS_INVALID', 'the key does not name its curve (RFC 5480 §2.1.1)');
  }
  const name = reader.oid();
  const curve = curves.get(name);
  if (curve === undefined) throw new X509Error('KEY_CURVE_UNSUPPORTED', `a key on the curve ${name}`);
  return (point) => checkPoint(curve, point);
}

function checkPoint(curve: EllipticCurve, point: Buffer): KeyAlgorithm {
  if (point[0] === 0x02 || point[0] === 0x03) {
    throw new X509Error('KEY_POINT_COMPRESSED', `a compressed ${curve.algorithm} point`);
  }
  if (isOnCurve(curve, point)) return curve.algorithm;
  throw new X509Error('KEY_POINT_INVALID', `${point.length} bytes that are no point of ${curve.algorithm}`);
}

/**
 * y-coordinates (little-endian) of the points of small order: under such a key one signature fits any message.
 */
const smallOrder = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

function checkEd25519(point: Buffer): KeyAlgorithm {
  const y = Buffer.from(point);
  if (y.length === 32) y.writeUInt8(y.readUInt8(31) & 0x7f, 31);
  // RFC 8032 §5.1.3: y is below p = 2^255 - 19, whose bytes are ed ff … ff 7f.
  const belowP = y[31] !== 0x7f || y.subarray(1, 31).some((byte) => byte !== 0xff) || y.readUInt8(0) < 0xed;
  if (y.length === 32 && belowP && !smallOrder.has(y.toString('hex'))) return 'Ed25519';
  throw new X509Error('KEY_POINT_INVALID', `${point.length} bytes that are no usable point of Ed25519`);
}

const rsaSizes = new Map<number, KeyAlgorithm>([
  [2048, 'RSA-2048'],
  [3072, 'RSA-3072'],
  [4096, 'RSA-4096'],
]);
const f4 = 65_537;

/** Before OpenSSL sees it: an RSA verification with an exponent of 3072 bits takes 12 ms. */
function checkRsa(bits: Buffer): KeyAlgorithm {
  const { modulus, exponent } = readDer(bits, (outer) =>
    outer.within(Tag.sequence, (key) => ({
      modulus: key.positiveInteger(),
      exponent: key.positiveInteger(),
    })),
  );
  const size = modulus.length * 8 - (Math.clz32(modulus.readUInt8(0)) - 24);
  const algorithm = rsaSizes.get(size);
  if (algorithm === undefined) throw new X509Error('KEY_RSA_SIZE', `an RSA key of ${size} bits`);
  if ((modulus.readUInt8(modulus.length - 1) & 1) === 0)
    throw new X509Error('KEY_RSA_MODULUS', 'an even RSA modulus');
  if (exponent.length > 3 || exponent.readUIntBE(0, exponent.length) !== f4) {
    throw new X509Error(
      'KEY_RSA_EXPONENT',
      `an RSA exponent of ${exponent.length * 8} bits that is not ${f4}`,
    );
  }
  assertStrongModulus(modulus);
  return algorithm;
}

/** Hashes are made when first asked for: a request that is refused never needs them. */
class CheckedPublicKey implements PublicKey {
  readonly algorithm: KeyAlgorithm;
  readonly spki: Buffer;
  readonly #bits: Buffer;
  #keyId: string | undefined;
  #sha256: string | undefined;

  constructor(algorithm: KeyAlgorithm, spki: Buffer, bits: Buffer) {
    this.algorithm = algorithm;
    this.spki = spki;
    this.#bits = bits;
  }

  get keyId(): string {
    return (this.#keyId ??= hash('sha256', this.#bits).slice(0, 40));
  }

  get sha256(): string {
    return (this.#sha256 ??= hash('sha256', this.spki));
  }
}
