import { hash, type KeyObject } from 'node:crypto';
import { type CaKeyAlgorithm, caKeyAlgorithm } from '#ca/keys/algorithm.ts';
import { checkCaCertificate, makeCaCertificate } from '#ca/keys/ca-certificate.ts';
import { caAlgorithmOf, generateCaKey } from '#ca/keys/private-key.ts';
import type { Ledger } from '#ledger/ledger.ts';
import type { Step } from '#step.ts';
import type { Certificate } from '#x509/certificate.ts';
import { encodePem } from '#x509/pem.ts';
import type { SignatureAlgorithm } from '#x509/signature-algorithm.ts';
import type { TrustDomain } from '#x509/spiffe-id.ts';

/** A key that signs leaves, in the memory of one replica only, with what every leaf under it repeats. */
export interface IssuingKey {
  /** Id of the authority that it chains to: SKI in hex. */
  readonly authority: string;
  readonly certificate: Certificate;
  readonly key: KeyObject;
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** PEM that follows a leaf in every chain. */
  readonly pem: string;
}

export interface IssuingRequest {
  readonly trustDomain: TrustDomain;
  readonly algorithm: CaKeyAlgorithm;
  readonly serial: Buffer;
  /** Seconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Milliseconds since the epoch, for the record. */
  readonly now: number;
  /** The replica that the certificate is for. */
  readonly replica: string;
}

/** A root, whose private key is fetched only once the intent to use it is recorded. */
export interface Root {
  readonly certificate: Certificate;
  readonly key: () => Promise<KeyObject>;
}

export interface MintContext {
  readonly crypto: Crypto;
  readonly ledger: Ledger;
  /** @throws MangroveError CA_NOT_CONFIRMED and others, unless this replica may sign under the root now. */
  readonly requireFence: () => void;
  readonly step?: Step | undefined;
}

/**
 * Makes an issuing key and has the root sign its certificate. What is signed here is recorded like a leaf:
 * the serial and the key are in the ledger before the signature exists.
 * @throws MangroveError CA_HIERARCHY_REJECTED for a root of another trust domain, LEDGER_*, and what `root.key` and
 *   `requireFence` throw.
 */
export async function mintIssuingKey(
  request: IssuingRequest,
  root: Root,
  { crypto, ledger, requireFence, step }: MintContext,
): Promise<IssuingKey> {
  const { publicKey, privateKey } = generateCaKey(request.algorithm);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const authority = root.certificate.publicKey.keyId;
  const { serial, notBefore, notAfter, trustDomain, now } = request;
  checkCaCertificate(root.certificate, trustDomain, undefined);
  const rootAlgorithm = caAlgorithmOf(root.certificate);
  const spkiSha256 = hash('sha256', spki);
  const recordedSerial = serial.toString('hex');
  await step?.('mint/intent');
  await ledger.recordIntent({
    serial: recordedSerial,
    kind: 'issuing',
    authority,
    issuer: root.certificate.sha256,
    frontDoor: 'controller',
    requestUid: request.replica,
    identity: `spiffe://${trustDomain}`,
    spkiSha256,
    // The library builds and signs in one step: the intent names the key and the dates, the result the certificate.
    tbsSha256: spkiSha256,
    notBefore,
    notAfter,
    recordedAt: now,
  });
  await step?.('mint/sign');
  const signingKey = await root.key();
  requireFence();
  const certificate = await makeCaCertificate(
    {
      trustDomain,
      serial,
      spki,
      issuer: root.certificate,
      signingKey,
      signingAlgorithm: rootAlgorithm,
      notBefore,
      notAfter,
    },
    crypto,
  );
  await step?.('mint/result');
  await ledger.recordResult({
    serial: recordedSerial,
    outcome: 'issued',
    certificateSha256: certificate.sha256,
    recordedAt: now,
  });
  await step?.('mint/use');
  requireFence();
  return {
    authority,
    certificate,
    key: privateKey,
    signatureAlgorithm: caKeyAlgorithm[request.algorithm].signatureAlgorithm,
    pem: encodePem('CERTIFICATE', certificate.der),
  };
}
