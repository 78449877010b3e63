import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
} from '@peculiar/x509';
import type { CertificateFields } from './certificate-fields.ts';

cryptoProvider.set(webcrypto);

const algorithmNames: Readonly<Record<string, string>> = {
  'ECDSA SHA-256': 'ecdsa-with-SHA256',
  'ECDSA SHA-384': 'ecdsa-with-SHA384',
  'ECDSA SHA-512': 'ecdsa-with-SHA512',
  Ed25519: 'ED25519',
  'RSASSA-PKCS1-v1_5 SHA-256': 'sha256WithRSAEncryption',
  'RSASSA-PKCS1-v1_5 SHA-384': 'sha384WithRSAEncryption',
  'RSASSA-PKCS1-v1_5 SHA-512': 'sha512WithRSAEncryption',
};

const flags: readonly (readonly [number, string])[] = [
  [KeyUsageFlags.digitalSignature, 'digitalSignature'],
  [KeyUsageFlags.nonRepudiation, 'nonRepudiation'],
  [KeyUsageFlags.keyEncipherment, 'keyEncipherment'],
  [KeyUsageFlags.dataEncipherment, 'dataEncipherment'],
  [KeyUsageFlags.keyAgreement, 'keyAgreement'],
  [KeyUsageFlags.keyCertSign, 'keyCertSign'],
  [KeyUsageFlags.cRLSign, 'cRLSign'],
  [KeyUsageFlags.encipherOnly, 'encipherOnly'],
  [KeyUsageFlags.decipherOnly, 'decipherOnly'],
];

const nameKinds: Readonly<Record<string, string>> = { url: 'URI', dns: 'DNS', email: 'email', ip: 'IP' };

/** What @peculiar/x509 reads in a certificate. It does not tell the version. */
export function peculiarFields(der: Uint8Array): Omit<CertificateFields, 'version'> {
  const certificate = new X509Certificate(Uint8Array.from(der));
  const { signatureAlgorithm } = certificate;
  const algorithm = `${nameOf(signatureAlgorithm)} ${nameOf(signatureAlgorithm.hash)}`.trim();
  const constraints = certificate.getExtension(BasicConstraintsExtension);
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages ?? 0;
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  return {
    serial: certificate.serialNumber.replace(/^0+/, ''),
    signatureAlgorithm: algorithmNames[algorithm] ?? algorithm,
    issuer: reversed(certificate.issuer),
    subject: reversed(certificate.subject),
    notBefore: certificate.notBefore.getTime() / 1000,
    notAfter: certificate.notAfter.getTime() / 1000,
    publicKey: createHash('sha256').update(new Uint8Array(certificate.publicKey.rawData)).digest('hex'),
    keyUsage: flags.filter(([flag]) => (usages & flag) !== 0).map(([, name]) => name),
    extendedKeyUsage: (certificate.getExtension(ExtendedKeyUsageExtension)?.usages ?? []).map(String),
    ca: constraints?.ca ?? false,
    pathLength: constraints?.pathLength,
    subjectAltNames: names.map(({ type, value }) => `${nameKinds[type] ?? type}:${value}`),
    subjectKeyId: certificate.getExtension(SubjectKeyIdentifierExtension)?.keyId,
    authorityKeyId: certificate.getExtension(AuthorityKeyIdentifierExtension)?.keyId,
    criticalExtensions: certificate.extensions
      .filter(({ critical }) => critical)
      .map(({ type }) => type)
      .sort(),
  };
}

/** Its types extend the browser's Algorithm, which is not among ours. */
const nameOf = (value: unknown): string =>
  typeof value === 'object' && value !== null && 'name' in value ? String(value.name) : '';

/** Its names stand in the order of their encoding; RFC 4514 §2.1 wants the reverse. */
const reversed = (name: string): string =>
  name.split(', ').toReversed().join(',').replaceAll('2.5.4.5=', 'serialNumber=');

/** Whether @peculiar/x509 reads the request and finds its signature right. */
export async function peculiarAcceptsRequest(der: Uint8Array): Promise<boolean> {
  return new Pkcs10CertificateRequest(Uint8Array.from(der)).verify();
}
