import { buildDer, type WriteDer } from '#x509/der/builder.ts';
import { element, smallInteger } from '#x509/der/writer.ts';
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
  /** In the order in which they shall stand. At least one. */
  readonly extensions: readonly WriteDer[];
}

const version3 = element(0xa0, smallInteger(2));

/** DER TBSCertificate of version 3 (RFC 5280 §4.1). */
export function encodeTbsCertificate(tbs: TbsCertificate): Buffer {
  return buildDer((document) =>
    document.within(0x30, (der) => {
      der.put(version3);
      der.unsignedInteger(tbs.serial);
      der.put(signatureAlgorithms[tbs.signatureAlgorithm].der);
      der.put(tbs.issuer);
      der.within(0x30, () => {
        der.time(tbs.notBefore);
        der.time(tbs.notAfter);
      });
      der.put(tbs.subject);
      der.put(tbs.spki);
      der.within(0xa3, () =>
        der.within(0x30, () => {
          for (const write of tbs.extensions) write(der);
        }),
      );
    }),
  );
}

/** DER Certificate. */
export function encodeCertificate(
  tbs: Uint8Array,
  signatureAlgorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Buffer {
  return buildDer((document) =>
    document.within(0x30, (der) => {
      der.put(tbs);
      der.put(signatureAlgorithms[signatureAlgorithm].der);
      der.bitString(signature);
    }),
  );
}
