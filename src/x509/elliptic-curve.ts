/** A curve of FIPS 186-5 with the equation y² = x³ − 3x + b over the field of p. */
export interface EllipticCurve {
  readonly algorithm: 'ECDSA-P256' | 'ECDSA-P384' | 'ECDSA-P521';
  readonly oid: string;
  readonly fieldBytes: number;
  readonly p: bigint;
  readonly b: bigint;
}

/** Domain parameters: SP 800-186 §3.2.1. */
export const ellipticCurves: readonly EllipticCurve[] = [
  {
    algorithm: 'ECDSA-P256',
    oid: '1.2.840.10045.3.1.7',
    fieldBytes: 32,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  {
    algorithm: 'ECDSA-P384',
    oid: '1.3.132.0.34',
    fieldBytes: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
  {
    algorithm: 'ECDSA-P521',
    oid: '1.3.132.0.35',
    fieldBytes: 66,
    p: 2n ** 521n - 1n,
    b: 0x051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
  },
];

/**
 * Whether `point` is an uncompressed point of the curve (SEC 1 §3.2.2.1). The cofactor of these curves is 1, so that
 * every such point but infinity, which has no uncompressed form, is a public key.
 */
export function isOnCurve(curve: EllipticCurve, point: Buffer): boolean {
  if (point.length !== 1 + 2 * curve.fieldBytes || point[0] !== 0x04) return false;
  const x = BigInt(`0x${point.toString('hex', 1, 1 + curve.fieldBytes)}`);
  const y = BigInt(`0x${point.toString('hex', 1 + curve.fieldBytes)}`);
  return x < curve.p && y < curve.p && (y * y - (x * x - 3n) * x - curve.b) % curve.p === 0n;
}
