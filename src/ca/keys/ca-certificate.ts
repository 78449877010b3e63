import 'reflect-metadata';
import { type KeyObject, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type CaKeyAlgorithm, caKeyAlgorithm } from '#ca/keys/algorithm.ts';
import { asSigningKey } from '#ca/keys/private-key.ts';
import { errorMessage, MangroveError } from '#errors/error.ts';
import { type Certificate, isSignedBy, parseCertificate } from '#x509/certificate.ts';
import { authorityNameAttributes, encodeName } from '#x509/name.ts';
import { type PublicKey, parsePublicKey } from '#x509/public-key.ts';
import type { TrustDomain } from '#x509/spiffe-id.ts';

/** What a root or an issuing certificate shall say. */
export interface CaCertificateRequest {
  readonly trustDomain: TrustDomain;
  readonly serial: Buffer;
  /** SubjectPublicKeyInfo of the key that the certificate is for. */
  readonly spki: Buffer;
  /** The certificate that signs; undefined for a root, which signs itself. */
  readonly issuer: Certificate | undefined;
  readonly signingKey: KeyObject;
  readonly signingAlgorithm: CaKeyAlgorithm;
  /** Seconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * Makes one CA certificate (cold path) and hands it out only as our own strict reader read it:
 * a root without pathLen, an issuing certificate with pathLen 0 (RFC 5280 §4.2.1.9), both with the SPIFFE ID
 * of the trust domain and no path (X509-SVID §3.1). Node's WebCrypto signs, for it takes the key without a copy: @peculiar/webcrypto
 * keeps a private key as PEM text in V8's heap. What has no secret in it, the proof of the signature, is the work of `crypto`.
 * @throws MangroveError CA_HIERARCHY_REJECTED when the bytes are not what was asked for.
 */
export async function makeCaCertificate(request: CaCertificateRequest, crypto: Crypto): Promise<Certificate> {
  const { issuer, trustDomain } = request;
  const subjectKey = parsePublicKey(request.spki);
  const made = await X509CertificateGenerator.create(
    {
      serialNumber: request.serial.toString('hex'),
      subject: new Name(nameBytes(trustDomain, subjectKey)),
      issuer: new Name(issuer === undefined ? nameBytes(trustDomain, subjectKey) : bytes(issuer.subject.der)),
      notBefore: new Date(request.notBefore * 1000),
      notAfter: new Date(request.notAfter * 1000),
      signingAlgorithm: caKeyAlgorithm[request.signingAlgorithm].signing,
      publicKey: bytes(request.spki),
      signingKey: asSigningKey(request.signingKey, request.signingAlgorithm),
      extensions: [
        new BasicConstraintsExtension(true, issuer === undefined ? undefined : 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
        new SubjectKeyIdentifierExtension(subjectKey.keyId),
        ...(issuer === undefined ? [] : [new AuthorityKeyIdentifierExtension(issuer.publicKey.keyId)]),
        new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
      ],
    },
    webcrypto,
  );
  await prove(made, request, crypto);
  return accept(Buffer.from(made.rawData), request);
}

async function prove(made: X509Certificate, request: CaCertificateRequest, crypto: Crypto): Promise<void> {
  const { key, signing } = caKeyAlgorithm[request.signingAlgorithm];
  const spki = request.issuer?.publicKey.spki ?? request.spki;
  const publicKey = await crypto.subtle.importKey('spki', bytes(spki), { ...key, ...signing }, true, [
    'verify',
  ]);
  if (await made.verify({ publicKey, signatureOnly: true }, crypto)) return;
  throw new MangroveError(
    'CA_HIERARCHY_REJECTED',
    'own CA certificate refused: its signature does not verify',
  );
}

function nameBytes(trustDomain: TrustDomain, key: PublicKey): ArrayBuffer {
  return bytes(encodeName(authorityNameAttributes(trustDomain, key.keyId)));
}

/** A copy in an ArrayBuffer of its own: small Buffers share a pool, and the library reads the whole `.buffer`. */
function bytes(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer;
}

function accept(der: Buffer, request: CaCertificateRequest): Certificate {
  let certificate: Certificate;
  try {
    certificate = parseCertificate(der);
    checkCaCertificate(certificate, request.trustDomain, request.issuer);
  } catch (error) {
    throw new MangroveError('CA_HIERARCHY_REJECTED', `own CA certificate refused: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const wrong = difference(certificate, request);
  if (wrong !== undefined) {
    throw new MangroveError(
      'CA_HIERARCHY_REJECTED',
      `own CA certificate refused: ${wrong} is not as asked for`,
    );
  }
  return certificate;
}

function difference(certificate: Certificate, request: CaCertificateRequest): string | undefined {
  if (!certificate.serial.equals(request.serial)) return 'serial';
  if (!certificate.publicKey.spki.equals(request.spki)) return 'public key';
  if (certificate.notBefore !== request.notBefore) return 'notBefore';
  if (certificate.notAfter !== request.notAfter) return 'notAfter';
  return undefined;
}

/**
 * The rules that a certificate of ours must meet before its key may sign: also when it comes back from a Secret.
 * @param issuer undefined when the certificate must be a self-signed root.
 * @throws MangroveError CA_HIERARCHY_REJECTED
 */
export function checkCaCertificate(
  certificate: Certificate,
  trustDomain: TrustDomain,
  issuer: Certificate | undefined,
): void {
  const wrong = fault(certificate, trustDomain, issuer);
  if (wrong !== undefined) throw new MangroveError('CA_HIERARCHY_REJECTED', wrong);
}

function fault(
  certificate: Certificate,
  trustDomain: TrustDomain,
  issuer: Certificate | undefined,
): string | undefined {
  const { basicConstraints, keyUsage, subjectKeyId, authorityKeyId, publicKey } = certificate;
  if (basicConstraints?.ca !== true) return 'it is not a CA certificate';
  if (basicConstraints.pathLength !== (issuer === undefined ? undefined : 0)) return 'its pathLen is wrong';
  if (keyUsage === undefined || !keyUsage.includes('keyCertSign')) return 'it lacks keyCertSign';
  if (subjectKeyId === undefined || subjectKeyId !== publicKey.keyId) return 'its SKI is not that of its key';
  const subject = encodeName(authorityNameAttributes(trustDomain, publicKey.keyId));
  if (!certificate.subject.der.equals(subject))
    return `its subject is not that of ${trustDomain} and its key`;
  const [id, ...others] = certificate.subjectAltNames;
  if (id?.kind !== 'uri' || id.value !== `spiffe://${trustDomain}` || others.length > 0) {
    return `its URI SAN is not spiffe://${trustDomain}`;
  }
  const signer = issuer ?? certificate;
  if (!certificate.issuer.der.equals(signer.subject.der)) return 'its issuer name is not that of its signer';
  if (issuer !== undefined && authorityKeyId !== issuer.publicKey.keyId)
    return 'its AKI is not that of its signer';
  if (!isSignedBy(certificate, signer.publicKey)) return 'its signature does not verify';
  return undefined;
}
