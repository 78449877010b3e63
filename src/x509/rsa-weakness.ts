import { X509Error } from '#x509/error.ts';

/**
 * Refuses a modulus that anybody can factor who tries what is known to have gone wrong in the field. Works on public
 * data only, with a fixed bound on the work: about 80 µs for 2048 bits and 115 µs for 4096.
 */
export function assertStrongModulus(modulus: Buffer): void {
  const n = BigInt(`0x${modulus.toString('hex')}`);
  // One long division; everything that small primes can tell is in the remainder.
  const residue = n % primorial;
  const factor = smallPrimes.find((prime) => residue % prime === 0n);
  if (factor !== undefined)
    throw new X509Error('KEY_RSA_SMALL_FACTOR', `an RSA modulus that ${factor} divides`);
  if (hasRocaFingerprint(residue))
    throw new X509Error('KEY_RSA_ROCA', 'an RSA modulus with the fingerprint of CVE-2017-15361 (ROCA)');
  if (hasClosePrimes(n))
    throw new X509Error('KEY_RSA_CLOSE_PRIMES', 'an RSA modulus that is the product of two close primes');
}

/** Odd primes below 752: what the Baseline Requirements' implementers try (CA/B Forum BR §6.1.6, SP 800-89 §5.3.3). */
const smallPrimes: readonly bigint[] = primesBelow(752).slice(1).map(BigInt);
const primorial = smallPrimes.reduce((product, prime) => product * prime, 1n);

function primesBelow(limit: number): number[] {
  const primes: number[] = [];
  for (let n = 2; n < limit; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes;
}

const rocaGenerator = 65_537n;
const largestRocaPrime = 167n;

/**
 * The broken library made primes p = k·M + 65537^a mod M, M a product of the first primes, so that modulo each of them
 * the modulus is a power of 65537 (Nemec et al., CCS 2017, §2.3). By chance that is so for one modulus of 2^28.
 */
function hasRocaFingerprint(residue: bigint): boolean {
  return rocaPowers.every(({ prime, powers }) => powers.has(residue % prime));
}

const rocaPowers = smallPrimes
  .filter((prime) => prime <= largestRocaPrime)
  .map((prime) => ({ prime, powers: powersOf(rocaGenerator, prime) }));

function powersOf(generator: bigint, prime: bigint): ReadonlySet<bigint> {
  const powers = new Set<bigint>();
  for (let power = 1n; !powers.has(power); power = (power * generator) % prime) powers.add(power);
  return powers;
}

/** As many as the Baseline Requirements ask for (CA/B Forum BR §6.1.1.3). */
const fermatRounds = 100;

/** Fermat: n = a² − b² with a just above √n when its primes are close (CVE-2022-26320). */
function hasClosePrimes(n: bigint): boolean {
  const root = squareRoot(n);
  let a = root * root === n ? root : root + 1n;
  let square = a * a - n;
  for (let round = 0; round < fermatRounds; round++) {
    if (isSquare(square)) return true;
    square += 2n * a + 1n;
    a += 1n;
  }
  return false;
}

const filterModulus = 63n * 65n * 11n;
const squaresMod64 = squaresModulo(64);
const squaresMod63 = squaresModulo(63);
const squaresMod65 = squaresModulo(65);
const squaresMod11 = squaresModulo(11);

function squaresModulo(modulus: number): ReadonlySet<number> {
  return new Set(Array.from({ length: modulus }, (_, i) => (i * i) % modulus));
}

/** A root is taken of less than one number of a hundred that is no square. */
function isSquare(n: bigint): boolean {
  if (!squaresMod64.has(Number(BigInt.asUintN(6, n)))) return false;
  const rest = Number(n % filterModulus);
  if (!squaresMod63.has(rest % 63) || !squaresMod65.has(rest % 65) || !squaresMod11.has(rest % 11))
    return false;
  const root = squareRoot(n);
  return root * root === n;
}

/** ⌊√n⌋ by Newton's method from above, begun with the 26 bits that a double has of it. */
function squareRoot(n: bigint): bigint {
  if (n === 0n) return 0n;
  const shift = BigInt(Math.max(0, 4 * n.toString(16).length - 52) & ~1);
  let root = (BigInt(Math.floor(Math.sqrt(Number(n >> shift)))) + 2n) << (shift / 2n);
  for (;;) {
    const next = (root + n / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
