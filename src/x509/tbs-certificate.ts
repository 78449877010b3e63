import {
  bitString,
  contextConstructed,
  sequence,
  smallInteger,
  time,
  unsignedInteger,
} from '#x509/der/writer.ts';
import { type SignatureAlgorithm, signatureAlgorithms } from '#x509/signature-algorithm.ts';

/** Everything that goes into a TBSCertificate; what is DER already is taken as it stands. */
export interface TbsCertificate {
  /** Unsigned big-endian. */
  readonly serial: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** DER Name. */
  readonly issuer: Uint8Array;
  /** Whole seconds since the epoch. */
  readonly notBefore: number;
  /** Whole seconds since the epoch. */
  readonly notAfter: number;
  /** DER Name. */
  readonly subject: Uint8Array;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** DER of each Extension, in the order in which they shall stand. At least one. */
  readonly extensions: readonly Uint8Array[];
}

const version3 = contextConstructed(0, smallInteger(2));

/** DER TBSCertificate of version 3 (RFC 5280 §4.1). */
export function encodeTbsCertificate(tbs: TbsCertificate): Buffer {
  return sequence(
    version3,
    unsignedInteger(tbs.serial),
    signatureAlgorithms[tbs.signatureAlgorithm].der,
    tbs.issuer,
    sequence(time(tbs.notBefore), time(tbs.notAfter)),
    tbs.subject,
    tbs.spki,
    contextConstructed(3, sequence(...tbs.extensions)),
  );
}

/** DER Certificate. */
export function encodeCertificate(
  tbs: Uint8Array,
  signatureAlgorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Buffer {
  return sequence(tbs, signatureAlgorithms[signatureAlgorithm].der, bitString(signature));
}
