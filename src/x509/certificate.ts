import { hash } from 'node:crypto';
import { readSignatureAlgorithm } from '#x509/algorithm-identifier.ts';
import { type DerReader, readDer } from '#x509/der/reader.ts';
import { contextConstructed, contextPrimitive, Tag } from '#x509/der/tag.ts';
import { X509Error } from '#x509/error.ts';
import {
  type BasicConstraints,
  type Extensions,
  noExtensions,
  readAuthorityKeyId,
  readBasicConstraints,
  readExtendedKeyUsage,
  readExtensions,
  readKeyUsage,
  readSubjectAltNames,
  readSubjectKeyId,
} from '#x509/extension-reader.ts';
import type { GeneralName } from '#x509/general-name.ts';
import type { KeyUsage } from '#x509/key-usage.ts';
import { type Name, readName } from '#x509/name.ts';
import { type PublicKey, parsePublicKey } from '#x509/public-key.ts';
import { type SignatureAlgorithm, verifySignature } from '#x509/signature-algorithm.ts';

/** A certificate of RFC 5280 §4.1, version 3. Buffers share memory with `der`. */
export interface Certificate {
  readonly der: Buffer;
  /** The bytes that the signature covers. */
  readonly tbs: Buffer;
  readonly version: 3;
  /** Unsigned big-endian magnitude without leading zeros. */
  readonly serial: Buffer;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly issuer: Name;
  readonly subject: Name;
  /** Whole seconds since the epoch. */
  readonly notBefore: number;
  /** Whole seconds since the epoch; the certificate is valid through this second. */
  readonly notAfter: number;
  readonly publicKey: PublicKey;
  /** All extensions by OID, also those that have a field below. */
  readonly extensions: Extensions;
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: readonly KeyUsage[] | undefined;
  /** Names of RFC 5280, dotted OIDs for all others. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectAltNames: readonly GeneralName[];
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  readonly signature: Buffer;
  /** SHA-256 of `der` in lower-case hex. */
  readonly sha256: string;
}

const certificateLimits = { bytes: 64 * 1024, extensions: 64, names: 1024, serialBytes: 20 } as const;

const version3 = 2;

/**
 * Reads one DER certificate. Unknown extensions, critical ones too, are kept raw: whether they may be there is for
 * path validation to say. Nor is the signature checked: see `isSignedBy`.
 */
export function parseCertificate(der: Buffer): Certificate {
  if (der.length > certificateLimits.bytes) {
    throw new X509Error('CERTIFICATE_TOO_LARGE', `${der.length} bytes, more than ${certificateLimits.bytes}`);
  }
  return readDer(der, (outer) =>
    outer.within(Tag.sequence, (certificate) => {
      const tbs = certificate.element(Tag.sequence);
      const signatureAlgorithm = readSignatureAlgorithm(certificate);
      const signature = certificate.bitString();
      const contents = readDer(tbs, (reader) =>
        reader.within(Tag.sequence, (fields) => readTbs(fields, signatureAlgorithm)),
      );
      return { der, tbs, signatureAlgorithm, signature, ...contents, sha256: hash('sha256', der, 'hex') };
    }),
  );
}

/** Whether `issuerKey` made the signature. Says nothing of names, dates or constraints. */
export function isSignedBy(certificate: Certificate, issuerKey: PublicKey): boolean {
  const { signatureAlgorithm, tbs, signature } = certificate;
  return verifySignature(signatureAlgorithm, issuerKey, tbs, signature);
}

/** Whether issuer and subject are the same name (RFC 5280 §6.1), which does not make it self-signed. */
export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuer.der.equals(certificate.subject.der);
}

type Contents = Omit<Certificate, 'der' | 'tbs' | 'signatureAlgorithm' | 'signature' | 'sha256'>;

function readTbs(tbs: DerReader, outerAlgorithm: SignatureAlgorithm): Contents {
  readVersion(tbs);
  const serial = readSerial(tbs);
  const innerAlgorithm = readSignatureAlgorithm(tbs);
  if (innerAlgorithm !== outerAlgorithm) {
    throw new X509Error(
      'CERTIFICATE_SIGNATURE_ALGORITHM_MISMATCH',
      `${innerAlgorithm} within the certificate, ${outerAlgorithm} outside`,
    );
  }
  const issuer = readName(tbs);
  if (issuer.attributes.length === 0)
    throw new X509Error('CERTIFICATE_ISSUER_EMPTY', 'a certificate without issuer');
  const { notBefore, notAfter } = tbs.within(Tag.sequence, readValidity);
  const subject = readName(tbs);
  const publicKey = parsePublicKey(tbs.element(Tag.sequence));
  if (tbs.nextIs(contextPrimitive(1)) || tbs.nextIs(contextPrimitive(2))) {
    throw new X509Error('CERTIFICATE_UNIQUE_ID', 'a certificate with unique identifiers (RFC 5280 §4.1.2.8)');
  }
  const extensions =
    tbs.optional(contextConstructed(3), (inner) => readExtensions(inner, certificateLimits.extensions)) ??
    noExtensions;
  return {
    version: 3,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    extensions,
    basicConstraints: readBasicConstraints(extensions),
    keyUsage: readKeyUsage(extensions),
    extendedKeyUsage: readExtendedKeyUsage(extensions),
    subjectAltNames: readSubjectAltNames(extensions, certificateLimits.names),
    subjectKeyId: readSubjectKeyId(extensions),
    authorityKeyId: readAuthorityKeyId(extensions, certificateLimits.names),
  };
}

function readVersion(tbs: DerReader): void {
  const version = tbs.optional(contextConstructed(0), (inner) => inner.smallInteger());
  if (version === version3) return;
  throw new X509Error(
    'CERTIFICATE_VERSION_UNSUPPORTED',
    `a certificate of version ${(version ?? 0) + 1}, not 3`,
  );
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets as encoded. */
function readSerial(tbs: DerReader): Buffer {
  const contents = tbs.integer();
  const positive = contents.readUInt8(0) < 0x80 && contents.some((byte) => byte !== 0);
  if (!positive || contents.length > certificateLimits.serialBytes) {
    throw new X509Error(
      'CERTIFICATE_SERIAL_INVALID',
      `the serial number ${contents.subarray(0, 40).toString('hex')}`,
    );
  }
  return contents[0] === 0 ? contents.subarray(1) : contents;
}

function readValidity(validity: DerReader): { notBefore: number; notAfter: number } {
  const notBefore = validity.time();
  const notAfter = validity.time();
  if (notAfter < notBefore) {
    throw new X509Error('CERTIFICATE_VALIDITY_INVALID', 'a certificate that ends before it begins');
  }
  return { notBefore, notAfter };
}
