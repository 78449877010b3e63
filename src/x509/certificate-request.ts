import { readSignatureAlgorithm } from '#x509/algorithm-identifier.ts';
import { type DerReader, readDer } from '#x509/der/reader.ts';
import { contextConstructed, Tag } from '#x509/der/tag.ts';
import { X509Error } from '#x509/error.ts';
import {
  type Extensions,
  noExtensions,
  readBasicConstraints,
  readExtendedKeyUsage,
  readExtensions,
  readKeyUsage,
  readSubjectAltNames,
} from '#x509/extension-reader.ts';
import type { GeneralName } from '#x509/general-name.ts';
import type { KeyUsage } from '#x509/key-usage.ts';
import { type Name, readName } from '#x509/name.ts';
import { extensionOid, requestAttributeOid } from '#x509/object-identifier.ts';
import { type PublicKey, parsePublicKey } from '#x509/public-key.ts';
import { canSign, type SignatureAlgorithm, verifySignature } from '#x509/signature-algorithm.ts';

/** What a PKCS #10 request says (RFC 2986). Claims only: nothing but the key ever gets into a certificate. */
export interface CertificateRequest {
  readonly der: Buffer;
  /** The bytes that the signature covers. */
  readonly info: Buffer;
  readonly subject: Name;
  readonly publicKey: PublicKey;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Buffer;
  readonly subjectAltNames: readonly GeneralName[];
  /** Whether basicConstraints with cA is asked for; refusing it is policy. */
  readonly ca: boolean;
  readonly keyUsage: readonly KeyUsage[] | undefined;
  /** Names of RFC 5280, dotted OIDs for all others. */
  readonly extendedKeyUsage: readonly string[] | undefined;
}

/** Sizes are checked before decoding, counts while decoding. */
const requestLimits = {
  bytes: 16 * 1024,
  extensions: 20,
  subjectAltNames: 32,
  attributes: 16,
} as const;

/** What may be asked for with critical set, since it is read here. */
const readExtensionOids = new Set<string>([
  extensionOid.basicConstraints,
  extensionOid.keyUsage,
  extensionOid.extendedKeyUsage,
  extensionOid.subjectAltName,
]);

/**
 * Reads a DER CertificationRequest. The result shares memory with `der`.
 *
 * Other attributes and unknown non-critical extensions are checked for form and ignored. A challenge password is
 * refused: it is a secret in an object that many can read, and nothing here would ever use it.
 * The signature is not checked: see `provenPublicKey`.
 */
export function parseCertificateRequest(der: Buffer): CertificateRequest {
  if (der.length > requestLimits.bytes) {
    throw new X509Error(
      'CSR_TOO_LARGE',
      `the request has ${der.length} bytes, more than ${requestLimits.bytes}`,
    );
  }
  return readDer(der, (outer) =>
    outer.within(Tag.sequence, (request) => {
      const info = request.element(Tag.sequence);
      const signatureAlgorithm = readSignatureAlgorithm(request);
      const signature = request.bitString();
      const contents = readDer(info, (reader) => reader.within(Tag.sequence, readInfo));
      if (!canSign(contents.publicKey.algorithm, signatureAlgorithm)) {
        throw new X509Error(
          'SIGNATURE_KEY_MISMATCH',
          `the request has a key of ${contents.publicKey.algorithm} and a signature of ${signatureAlgorithm}`,
        );
      }
      return {
        der,
        info,
        subject: contents.subject,
        publicKey: contents.publicKey,
        signatureAlgorithm,
        signature,
        subjectAltNames: contents.subjectAltNames,
        ca: contents.ca,
        keyUsage: contents.keyUsage,
        extendedKeyUsage: contents.extendedKeyUsage,
      };
    }),
  );
}

/** The key that the request holds. Throws CSR_SIGNATURE_INVALID unless it signed the request. */
export function provenPublicKey(request: CertificateRequest): PublicKey {
  const { signatureAlgorithm, publicKey, info, signature } = request;
  if (verifySignature(signatureAlgorithm, publicKey, info, signature)) return publicKey;
  throw new X509Error(
    'CSR_SIGNATURE_INVALID',
    `the request's ${signatureAlgorithm} signature is not of its own key`,
  );
}

type Contents = Omit<CertificateRequest, 'der' | 'info' | 'signatureAlgorithm' | 'signature'>;

function readInfo(info: DerReader): Contents {
  const version = info.smallInteger();
  if (version !== 0)
    throw new X509Error('CSR_VERSION_UNSUPPORTED', `a request of version ${version + 1}, not 1`);
  const subject = readName(info);
  const publicKey = parsePublicKey(info.element(Tag.sequence));
  const extensions = readAttributes(info);
  return {
    subject,
    publicKey,
    subjectAltNames: readSubjectAltNames(extensions, requestLimits.subjectAltNames),
    ca: readBasicConstraints(extensions)?.ca ?? false,
    keyUsage: readKeyUsage(extensions),
    extendedKeyUsage: readExtendedKeyUsage(extensions),
  };
}

/** The extensions that the attributes ask for. Each attribute may stand there once. */
function readAttributes(info: DerReader): Extensions {
  const seen: string[] = [];
  let extensions = noExtensions;
  info.setOf(contextConstructed(0), (list) =>
    list.within(Tag.sequence, (attribute) => {
      const type = attribute.oid();
      if (seen.includes(type))
        throw new X509Error('CSR_ATTRIBUTE_DUPLICATE', `the attribute ${type} stands there twice`);
      if (seen.length === requestLimits.attributes) {
        throw new X509Error('CSR_ATTRIBUTES_TOO_MANY', `more than ${requestLimits.attributes} attributes`);
      }
      seen.push(type);
      if (type === requestAttributeOid.challengePassword) {
        throw new X509Error('CSR_CHALLENGE_PASSWORD', 'the request has a challenge password');
      }
      if (type === requestAttributeOid.extensionRequest) extensions = readExtensionRequest(attribute);
      else readOtherAttribute(attribute, type);
    }),
  );
  return extensions;
}

/** RFC 2986 §4: one value or more. */
function readOtherAttribute(attribute: DerReader, type: string): void {
  let values = 0;
  attribute.setOf(Tag.set, (value) => {
    value.anyElement();
    values += 1;
  });
  if (values === 0) throw new X509Error('CSR_ATTRIBUTE_INVALID', `the attribute ${type} has no value`);
}

function readExtensionRequest(attribute: DerReader): Extensions {
  return attribute.within(Tag.set, (values) => {
    if (values.atEnd)
      throw new X509Error('CSR_ATTRIBUTE_INVALID', 'an extensionRequest attribute without a value');
    const extensions = readExtensions(values, requestLimits.extensions);
    if (!values.atEnd)
      throw new X509Error('CSR_ATTRIBUTE_INVALID', 'an extensionRequest attribute of several values');
    for (const { oid, critical } of extensions) {
      if (critical && !readExtensionOids.has(oid)) {
        throw new X509Error(
          'EXTENSION_CRITICAL_UNKNOWN',
          `the request asks for the critical extension ${oid}`,
        );
      }
    }
    return extensions;
  });
}
