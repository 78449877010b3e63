import { checkPrimeSync, generateKeyPairSync, generatePrimeSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseCertificate } from '#x509/certificate.ts';
import { parseCertificateRequest } from '#x509/certificate-request.ts';
import { basicConstraintsExtension } from '#x509/extension.ts';
import { encodeName } from '#x509/name.ts';
import { parsePublicKey } from '#x509/public-key.ts';
import { certify, newKey, newSerial, start } from './support/chain.ts';
import { bits, int, NULL, OID, seq } from './support/der.ts';
import { refusalOf } from './support/refusal.ts';
import { signedRequest, spkiOf } from './support/request.ts';

const hex = (n: bigint): string => {
  const digits = n.toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Number.parseInt(even.slice(0, 2), 16) < 0x80 ? even : `00${even}`;
};
const spkiWith = (modulus: bigint): Buffer =>
  seq(seq(OID.rsaEncryption, NULL), bits(0, seq(int(hex(modulus)), int('010001'))));

const random = (bytes: number): bigint => BigInt(`0x${randomBytes(bytes).toString('hex')}`);
const prime = (size: number): bigint => generatePrimeSync(size, { bigint: true });

function nextPrime(from: bigint): bigint {
  let candidate = from | 1n;
  while (!checkPrimeSync(candidate)) candidate += 2n;
  return candidate;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let square = base % modulus, rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** A prime as the library of CVE-2017-15361 makes them: k·M + 65537^a mod M, M the product of the first `count` primes. */
function rocaPrime(size: number, count: number): bigint {
  let product = 1n;
  for (let n = 2n, found = 0; found < count; n += 1n) {
    if (!checkPrimeSync(n)) continue;
    product *= n;
    found += 1;
  }
  // Between √2·2^(size−1) and 2^size, so that a product of two has all its bits.
  const lowest = (3n << BigInt(size - 2)) / product;
  const span = (1n << BigInt(size - 2)) / product;
  for (;;) {
    const k = lowest + (random(16) % span);
    const candidate = k * product + power(65_537n, random(16), product);
    if (candidate >> BigInt(size) === 0n && checkPrimeSync(candidate)) return candidate;
  }
}

/** A product of two primes that are about `distance` apart. */
function closePrimes(size: number, distance: bigint): bigint {
  const p = prime(size / 2);
  return p * nextPrime(p + distance);
}

/** An odd number of exactly 2048 bits that this divides, and no other small prime. */
function multipleOf(factor: bigint): bigint {
  const top = 1n << 2047n;
  return factor * nextPrime(top / factor + random(120));
}

const weak: readonly (readonly [string, string, () => bigint])[] = [
  ['3 divides', 'KEY_RSA_SMALL_FACTOR', () => multipleOf(3n)],
  ['11 divides', 'KEY_RSA_SMALL_FACTOR', () => multipleOf(11n)],
  ['751 divides, the largest that is tried', 'KEY_RSA_SMALL_FACTOR', () => multipleOf(751n)],
  ['ROCA of 2048 bits', 'KEY_RSA_ROCA', () => rocaPrime(1024, 126) * rocaPrime(1024, 126)],
  ['ROCA of 4096 bits', 'KEY_RSA_ROCA', () => rocaPrime(2048, 225) * rocaPrime(2048, 225)],
  ['the same prime twice', 'KEY_RSA_CLOSE_PRIMES', () => prime(1024) ** 2n],
  ['neighbouring primes', 'KEY_RSA_CLOSE_PRIMES', () => closePrimes(2048, 2n)],
  ['primes that some thirty rounds find', 'KEY_RSA_CLOSE_PRIMES', () => closePrimes(2048, 1n << 516n)],
  ['neighbouring primes of 2048 bits', 'KEY_RSA_CLOSE_PRIMES', () => closePrimes(4096, 2n)],
];

describe.each(weak)('%s: %s', (_, code, modulus) => {
  const spki = spkiWith(modulus());
  test('as a key, in a request, in a certificate', () => {
    expect(refusalOf(() => parsePublicKey(spki))).toBe(code);
    expect(refusalOf(() => parseCertificateRequest(signedRequest({ spki })))).toBe(code);
    expect(refusalOf(() => parseCertificate(certificateWith(spki)))).toBe(code);
  });
});

describe('keys without a known weakness', () => {
  test('those that OpenSSL makes', () => {
    for (let i = 0; i < 5; i++) {
      const spki = spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey);
      expect(parsePublicKey(spki).algorithm).toBe('RSA-2048');
    }
  });

  test('one step beyond each bound: the prime after 751, primes too far apart for a hundred rounds, one ROCA prime', () => {
    const moduli = [multipleOf(757n), closePrimes(2048, 1n << 520n), rocaPrime(1024, 126) * prime(1024)];
    for (const modulus of moduli) expect(parsePublicKey(spkiWith(modulus)).algorithm).toBe('RSA-2048');
  });
});

function certificateWith(spki: Buffer): Buffer {
  const { privateKey } = newKey();
  const name = encodeName([{ oid: '2.5.4.3', value: 'weak' }]);
  return certify(
    {
      serial: newSerial(),
      signatureAlgorithm: 'ecdsa-with-SHA256',
      issuer: name,
      notBefore: start,
      notAfter: start + 60,
      subject: name,
      spki,
      extensions: [basicConstraintsExtension({ ca: false })],
    },
    privateKey,
  );
}
