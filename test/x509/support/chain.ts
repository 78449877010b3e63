import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectAltNameExtension,
  subjectKeyIdExtension,
} from '#x509/extension.ts';
import type { ApprovedLeaf } from '#x509/lint.ts';
import { authorityNameAttributes, emptyName, encodeName } from '#x509/name.ts';
import { type KeyAlgorithm, type PublicKey, parsePublicKey } from '#x509/public-key.ts';
import { sign, signatureAlgorithmOf } from '#x509/signature-algorithm.ts';
import { parseTrustDomain } from '#x509/spiffe-id.ts';
import { encodeCertificate, encodeTbsCertificate, type TbsCertificate } from '#x509/tbs-certificate.ts';
import { exampleId, spkiOf } from './request.ts';

/** 2026-09-21T14:13:20Z. */
export const start = 1_790_000_000;
export const day = 86_400;

export interface Subject {
  readonly publicKey: PublicKey;
  readonly privateKey: KeyObject;
}

export function newKey(algorithm: KeyAlgorithm = 'ECDSA-P256'): Subject {
  const { publicKey, privateKey } = generate(algorithm);
  return { publicKey: parsePublicKey(spkiOf(publicKey)), privateKey };
}

function generate(algorithm: KeyAlgorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'Ed25519') return generateKeyPairSync('ed25519');
  const [family, size = ''] = algorithm.split('-');
  if (family === 'RSA') return generateKeyPairSync('rsa', { modulusLength: Number(size) });
  return generateKeyPairSync('ec', { namedCurve: size.replace('P', 'P-') });
}

export function newSerial(): Buffer {
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  return serial;
}

export function certify(tbs: TbsCertificate, signer: KeyObject): Buffer {
  const der = encodeTbsCertificate(tbs);
  return encodeCertificate(der, tbs.signatureAlgorithm, sign(tbs.signatureAlgorithm, signer, der));
}

export interface Chain {
  readonly root: Buffer;
  readonly issuing: Buffer;
  readonly leaf: Buffer;
  readonly leafTbs: TbsCertificate;
  /** What a lint of the leaf is given. */
  readonly approved: ApprovedLeaf;
  readonly issuingKey: Subject;
  readonly leafKey: Subject;
}

/** A root, an issuing certificate and a leaf, all written by us. */
export function newChain(
  authority: KeyAlgorithm = 'ECDSA-P256',
  leafAlgorithm: KeyAlgorithm = 'ECDSA-P256',
): Chain {
  const trustDomain = parseTrustDomain('cluster.local');
  const [rootKey, issuingKey, leafKey] = [newKey(authority), newKey(authority), newKey(leafAlgorithm)];
  const signatureAlgorithm = signatureAlgorithmOf(authority);
  const rootName = encodeName(authorityNameAttributes(trustDomain, rootKey.publicKey.keyId));
  const issuingName = encodeName(authorityNameAttributes(trustDomain, issuingKey.publicKey.keyId));
  const ofAuthority = { signatureAlgorithm, issuer: rootName, notBefore: start - 60 };
  const caUsage = keyUsageExtension(['keyCertSign', 'cRLSign']);
  const root = certify(
    {
      ...ofAuthority,
      serial: newSerial(),
      notAfter: start + 365 * day,
      subject: rootName,
      spki: rootKey.publicKey.spki,
      extensions: [
        basicConstraintsExtension({ ca: true }),
        caUsage,
        subjectKeyIdExtension(rootKey.publicKey.keyId),
        subjectAltNameExtension([{ kind: 'uri', value: 'spiffe://cluster.local' }], { critical: false }),
      ],
    },
    rootKey.privateKey,
  );
  const issuing = certify(
    {
      ...ofAuthority,
      serial: newSerial(),
      notAfter: start + 7 * day,
      subject: issuingName,
      spki: issuingKey.publicKey.spki,
      extensions: [
        basicConstraintsExtension({ ca: true, pathLength: 0 }),
        caUsage,
        subjectKeyIdExtension(issuingKey.publicKey.keyId),
        authorityKeyIdExtension(rootKey.publicKey.keyId),
      ],
    },
    rootKey.privateKey,
  );
  const approved: ApprovedLeaf = {
    serial: newSerial(),
    signatureAlgorithm,
    issuer: issuingName,
    authorityKeyId: issuingKey.publicKey.keyId,
    notBefore: start - 60,
    notAfter: start + day,
    spiffeUri: exampleId,
    spki: leafKey.publicKey.spki,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['serverAuth', 'clientAuth'],
  };
  const leafTbs = leafOf(approved);
  return {
    root,
    issuing,
    leaf: certify(leafTbs, issuingKey.privateKey),
    leafTbs,
    approved,
    issuingKey,
    leafKey,
  };
}

/** The certificate that was approved, as the product lays it out. */
export function leafOf(approved: ApprovedLeaf): TbsCertificate {
  return {
    serial: approved.serial,
    signatureAlgorithm: approved.signatureAlgorithm,
    issuer: approved.issuer,
    notBefore: approved.notBefore,
    notAfter: approved.notAfter,
    subject: emptyName,
    spki: approved.spki,
    extensions: [
      keyUsageExtension(approved.keyUsage),
      extendedKeyUsageExtension(approved.extendedKeyUsage),
      basicConstraintsExtension({ ca: false }),
      subjectKeyIdExtension(parsePublicKey(approved.spki).keyId),
      authorityKeyIdExtension(approved.authorityKeyId),
      subjectAltNameExtension([{ kind: 'uri', value: approved.spiffeUri }], { critical: true }),
    ],
  };
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
