import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCertificateRequest } from '#x509/certificate-request.ts';
import { ellipticCurves, isOnCurve } from '#x509/elliptic-curve.ts';
import { type X509Code, X509Error } from '#x509/error.ts';
import { type KeyAlgorithm, parsePublicKey } from '#x509/public-key.ts';
import { verifySignature } from '#x509/signature-algorithm.ts';
import { openssl } from '../oracle/openssl.ts';
import { newKey, sha256 } from './support/chain.ts';
import { bits, int, NULL, OID, octets, seq } from './support/der.ts';
import { refusalOf } from './support/refusal.ts';
import { p256, signedRequest, spkiOf } from './support/request.ts';

const ecSpki = (point: Buffer, curve: string = OID.prime256v1): Buffer =>
  seq(seq(OID.ecPublicKey, curve), bits(0, point));
const rsaSpki = (modulus: string, exponent: string): Buffer =>
  seq(seq(OID.rsaEncryption, NULL), bits(0, seq(int(modulus), int(exponent))));
const ed25519Spki = (point: string): Buffer => seq(seq(OID.ed25519), bits(0, point));

const point = spkiOf(p256.publicKey).subarray(-65);
const x = point.subarray(1, 33);
const y = point.subarray(33);
const P256 = ellipticCurves[0]?.p ?? 0n;
const fieldElement = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');

/** An odd number of so many bits; whether it is a product of two primes nobody asks. */
const modulus = (bitLength: number): string => `00c${'5'.repeat(bitLength / 4 - 1)}`;

describe('keys that are read', () => {
  const algorithms: readonly KeyAlgorithm[] = [
    'ECDSA-P256',
    'ECDSA-P384',
    'ECDSA-P521',
    'Ed25519',
    'RSA-2048',
    'RSA-3072',
    'RSA-4096',
  ];
  test.each(algorithms)('%s', (algorithm) => {
    const { publicKey } = newKey(algorithm);
    expect(publicKey.algorithm).toBe(algorithm);
    expect(publicKey.sha256).toBe(sha256(publicKey.spki));
  });

  test('the key id is that of RFC 7093 §2, method 1', () => {
    expect(parsePublicKey(spkiOf(p256.publicKey)).keyId).toBe(sha256(point).slice(0, 40));
  });

  test('points and their mirror images are on the curve, their neighbours are not', () => {
    for (const curve of ellipticCurves) {
      const { publicKey } = newKey(curve.algorithm);
      const encoded = publicKey.spki.subarray(-1 - 2 * curve.fieldBytes);
      expect(isOnCurve(curve, encoded)).toBe(true);
      const neighbour = Buffer.from(encoded);
      neighbour.writeUInt8(neighbour.readUInt8(neighbour.length - 1) ^ 1, neighbour.length - 1);
      expect(isOnCurve(curve, neighbour)).toBe(false);
    }
    const mirrored = Buffer.concat([
      point.subarray(0, 33),
      fieldElement(P256 - BigInt(`0x${y.toString('hex')}`)),
    ]);
    expect(parsePublicKey(ecSpki(mirrored)).algorithm).toBe('ECDSA-P256');
  });
});

describe('keys that are refused', () => {
  const p256Spki = spkiOf(p256.publicKey);
  const cases: readonly (readonly [string, X509Code, Buffer])[] = [
    ['explicit parameters', 'KEY_EXPLICIT_PARAMETERS', explicitParameters()],
    ['parameters by inheritance', 'KEY_PARAMETERS_INVALID', seq(seq(OID.ecPublicKey, NULL), bits(0, point))],
    ['no parameters', 'KEY_PARAMETERS_INVALID', seq(seq(OID.ecPublicKey), bits(0, point))],
    [
      'a parameter too many',
      'DER_TRAILING_BYTES',
      seq(seq(OID.ecPublicKey, OID.prime256v1, NULL), bits(0, point)),
    ],
    ['compressed point', 'KEY_POINT_COMPRESSED', ecSpki(Buffer.concat([Buffer.from([2]), x]))],
    ['compressed point, odd', 'KEY_POINT_COMPRESSED', ecSpki(Buffer.concat([Buffer.from([3]), x]))],
    [
      'hybrid point',
      'KEY_POINT_INVALID',
      ecSpki(Buffer.concat([Buffer.from([6 | (y.readUInt8(31) & 1)]), x, y])),
    ],
    ['point at infinity', 'KEY_POINT_INVALID', ecSpki(Buffer.from([0]))],
    ['no point', 'KEY_POINT_INVALID', ecSpki(Buffer.alloc(0))],
    ['zeros', 'KEY_POINT_INVALID', ecSpki(Buffer.concat([Buffer.from([4]), Buffer.alloc(64)]))],
    ['point off the curve', 'KEY_POINT_INVALID', ecSpki(Buffer.concat([Buffer.from([4]), y, x]))],
    [
      'point of another curve',
      'KEY_POINT_INVALID',
      ecSpki(newKey('ECDSA-P384').publicKey.spki.subarray(-97)),
    ],
    ['point cut off', 'KEY_POINT_INVALID', ecSpki(point.subarray(0, -1))],
    ['coordinate above the field', 'KEY_POINT_INVALID', aboveField()],
    [
      'secp256k1',
      'KEY_CURVE_UNSUPPORTED',
      spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey),
    ],
    [
      'P-224',
      'KEY_CURVE_UNSUPPORTED',
      spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp224r1' }).publicKey),
    ],
    ['Ed448', 'KEY_ALGORITHM_UNSUPPORTED', spkiOf(generateKeyPairSync('ed448').publicKey)],
    ['X25519', 'KEY_ALGORITHM_UNSUPPORTED', spkiOf(generateKeyPairSync('x25519').publicKey)],
    [
      'RSA-PSS',
      'KEY_ALGORITHM_UNSUPPORTED',
      spkiOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
    ],
    [
      'DSA',
      'KEY_ALGORITHM_UNSUPPORTED',
      spkiOf(generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).publicKey),
    ],
    ['ML-DSA', 'KEY_ALGORITHM_UNSUPPORTED', spkiOf(generateKeyPairSync('ml-dsa-44').publicKey)],
    [
      'Ed25519 with parameters',
      'KEY_PARAMETERS_INVALID',
      seq(seq(OID.ed25519, NULL), bits(0, '09'.repeat(32))),
    ],
    ['Ed25519 of 31 bytes', 'KEY_POINT_INVALID', ed25519Spki('09'.repeat(31))],
    ['Ed25519 of 33 bytes', 'KEY_POINT_INVALID', ed25519Spki('09'.repeat(33))],
    ['Ed25519 identity', 'KEY_POINT_INVALID', ed25519Spki(`01${'00'.repeat(31)}`)],
    ['Ed25519 of order 4, sign set', 'KEY_POINT_INVALID', ed25519Spki(`${'00'.repeat(31)}80`)],
    [
      'Ed25519 of order 8',
      'KEY_POINT_INVALID',
      ed25519Spki('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85'),
    ],
    ['Ed25519 above the field', 'KEY_POINT_INVALID', ed25519Spki(`ee${'ff'.repeat(30)}7f`)],
    ['RSA-1024', 'KEY_RSA_SIZE', spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)],
    ['RSA of 2047 bits', 'KEY_RSA_SIZE', rsaSpki(`45${'55'.repeat(255)}`, '010001')],
    ['RSA of 2049 bits', 'KEY_RSA_SIZE', rsaSpki(`01${'55'.repeat(256)}`, '010001')],
    ['RSA of 16,384 bits', 'KEY_RSA_SIZE', rsaSpki(modulus(16_384), '010001')],
    ['RSA with an even modulus', 'KEY_RSA_MODULUS', rsaSpki(`${modulus(2048).slice(0, -1)}4`, '010001')],
    ['RSA with an exponent of 3072 bits', 'KEY_RSA_EXPONENT', rsaSpki(modulus(3072), modulus(3072))],
    ['RSA with the exponent 3', 'KEY_RSA_EXPONENT', rsaSpki(modulus(2048), '03')],
    ['RSA with the exponent 65539', 'KEY_RSA_EXPONENT', rsaSpki(modulus(2048), '010003')],
    ['RSA with a negative modulus', 'DER_INTEGER_INVALID', rsaSpki(`c5${'55'.repeat(255)}`, '010001')],
    ['RSA with the exponent zero', 'DER_INTEGER_INVALID', rsaSpki(modulus(2048), '00')],
    [
      'RSA without parameters',
      'KEY_PARAMETERS_INVALID',
      seq(seq(OID.rsaEncryption), bits(0, seq(int(modulus(2048)), int('010001')))),
    ],
    [
      'RSA with bytes after the key',
      'DER_TRAILING_BYTES',
      seq(seq(OID.rsaEncryption, NULL), bits(0, seq(int(modulus(2048)), int('010001')), NULL)),
    ],
    [
      'a key with unused bits',
      'DER_BIT_STRING_UNUSED_BITS',
      seq(seq(OID.ecPublicKey, OID.prime256v1), bits(1, '04')),
    ],
    [
      'an element after the bits',
      'DER_TRAILING_BYTES',
      seq(seq(OID.ecPublicKey, OID.prime256v1), bits(0, point), NULL),
    ],
    [
      'an octet string for the bits',
      'DER_TAG_UNEXPECTED',
      seq(seq(OID.ecPublicKey, OID.prime256v1), octets(point)),
    ],
  ];
  test.each(cases)('%s: %s', (_, code, spki) => {
    expect(refusalOf(() => parsePublicKey(spki))).toBe(code);
    // The same within a request, before any signature is looked at.
    expect(refusalOf(() => parseCertificateRequest(signedRequest({ spki })))).toBe(code);
  });

  test('bytes after the key', () => {
    expect(refusalOf(() => parsePublicKey(Buffer.concat([p256Spki, NULL])))).toBe('DER_TRAILING_BYTES');
  });

  test('a key that OpenSSL does not take after all, because its bytes were changed in between', () => {
    const spki = Buffer.from(p256Spki);
    const key = parsePublicKey(spki);
    spki.fill(0xff, 30);
    const verifying = (): boolean => verifySignature('ecdsa-with-SHA256', key, NULL, NULL);
    expect(refusalOf(verifying)).toBe('KEY_UNUSABLE');
  });

  test('any change of one byte: refused, or a key that OpenSSL reads as the same bytes', () => {
    const spkis = [p256Spki, newKey('Ed25519').publicKey.spki, newKey('RSA-2048').publicKey.spki];
    fc.assert(
      fc.property(
        fc.constantFrom(...spkis),
        fc.nat(400),
        fc.integer({ min: 1, max: 255 }),
        (spki, position, change) => {
          const changed = Buffer.from(spki);
          const index = position % spki.length;
          changed.writeUInt8(changed.readUInt8(index) ^ change, index);
          const accepted = parsed(changed);
          if (accepted)
            expect(
              createPublicKey({ key: changed, format: 'der', type: 'spki' }).export({
                format: 'der',
                type: 'spki',
              }),
            ).toEqual(changed);
        },
      ),
      { numRuns: 1500 },
    );
  });

  function parsed(spki: Buffer): boolean {
    try {
      parsePublicKey(spki);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(X509Error);
      return false;
    }
  }
});

/** OpenSSL, and with it Node, takes these parameters for P-256 and says so. */
function explicitParameters(): Buffer {
  const options = ['-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit'];
  const { stdout } = openssl(['genpkey', '-algorithm', 'EC', ...options]);
  const key = createPublicKey(stdout);
  expect(key.asymmetricKeyType).toBe('ec');
  return spkiOf(key);
}

/** x + p, which is the same point for whoever reduces it. Such an x is below 2^256 − p, so one is searched for. */
function aboveField(): Buffer {
  const curve = ellipticCurves[0];
  if (curve === undefined) throw new Error('no P-256');
  for (let small = 0n; ; small++) {
    const square = ((((small * small - 3n) * small + curve.b) % P256) + P256) % P256;
    // p = 3 mod 4: a root of a square is its power of (p + 1) / 4.
    const root = power(square, (P256 + 1n) / 4n);
    if ((root * root) % P256 !== square) continue;
    expect(isOnCurve(curve, Buffer.concat([Buffer.from([4]), fieldElement(small), fieldElement(root)]))).toBe(
      true,
    );
    return ecSpki(Buffer.concat([Buffer.from([4]), fieldElement(small + P256), fieldElement(root)]));
  }
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % P256) {
    if ((rest & 1n) === 1n) result = (result * square) % P256;
  }
  return result;
}
