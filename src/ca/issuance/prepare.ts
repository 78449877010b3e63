import { hash } from 'node:crypto';
import type { IssuingKey } from '#ca/issuance/issuing-certificate.ts';
import type { LeafProfile } from '#ca/issuance/profile.ts';
import type { Signer } from '#ca/issuance/signer.ts';
import { MangroveError } from '#errors/error.ts';
import type { Intent } from '#ledger/record.ts';
import {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectAltNameExtension,
  subjectKeyIdExtension,
} from '#x509/extension.ts';
import type { ExtendedKeyUsage, KeyUsage } from '#x509/key-usage.ts';
import { lintLeaf } from '#x509/lint.ts';
import { emptyName } from '#x509/name.ts';
import type { PublicKey } from '#x509/public-key.ts';
import type { SpiffeId } from '#x509/spiffe-id.ts';
import { encodeTbsCertificate } from '#x509/tbs-certificate.ts';

/** A leaf that was decided upon: typed, approved values and nothing of the request's bytes but its public key. */
export interface LeafRequest {
  readonly id: SpiffeId;
  readonly publicKey: PublicKey;
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: readonly ExtendedKeyUsage[];
  /** Seconds that the requester asked for; undefined for the profile's default. */
  readonly lifetime: number | undefined;
  readonly frontDoor: string;
  /** UID of the object that asked. */
  readonly requestUid: string;
}

/** Linted bytes that may be signed once, by the key that they were prepared for, after the intent is recorded. */
export interface PreparedLeaf {
  readonly tbs: Buffer;
  readonly intent: Intent;
  readonly issuing: IssuingKey;
}

/**
 * Builds the certificate to be signed and lints those very bytes. Nothing is signed or recorded here.
 * @param now milliseconds since the epoch.
 * @throws MangroveError CA_KEY_NOT_ALLOWED, CA_KEY_IS_AUTHORITY, CA_TRUST_DOMAIN_FOREIGN, CA_LIFETIME_TOO_SHORT,
 *   CA_ISSUER_EXPIRING; X509Error LINT_* when the writer has a bug.
 */
export function prepareLeaf(
  request: LeafRequest,
  signer: Signer,
  { now, serial }: { readonly now: number; readonly serial: Buffer },
): PreparedLeaf {
  admit(request, signer);
  admitUsages(request, signer.profile);
  const { profile, issuing } = signer;
  const { notBefore, notAfter } = validity(request, profile, issuing, Math.floor(now / 1000));
  const { id, publicKey, keyUsage, extendedKeyUsage } = request;
  const issuer = issuing.certificate.subject.der;
  const { signatureAlgorithm } = issuing;
  const authorityKeyId = issuing.certificate.publicKey.keyId;
  const tbs = encodeTbsCertificate({
    serial,
    signatureAlgorithm,
    issuer,
    notBefore,
    notAfter,
    subject: emptyName,
    spki: publicKey.spki,
    extensions: [
      keyUsageExtension(keyUsage),
      ...(extendedKeyUsage.length === 0 ? [] : [extendedKeyUsageExtension(extendedKeyUsage)]),
      basicConstraintsExtension({ ca: false }),
      subjectKeyIdExtension(publicKey.keyId),
      authorityKeyIdExtension(authorityKeyId),
      // RFC 5280 §4.1.2.6: with an empty subject the SAN must be critical.
      subjectAltNameExtension([{ kind: 'uri', value: id.uri }], { critical: true }),
    ],
  });
  lintLeaf(tbs, {
    serial,
    signatureAlgorithm,
    issuer,
    authorityKeyId,
    notBefore,
    notAfter,
    spiffeUri: id.uri,
    spki: publicKey.spki,
    keyUsage,
    extendedKeyUsage,
  });
  return {
    tbs,
    issuing,
    intent: {
      serial: serial.toString('hex'),
      kind: 'leaf',
      authority: issuing.authority,
      issuer: issuing.certificate.sha256,
      frontDoor: request.frontDoor,
      requestUid: request.requestUid,
      identity: id.uri,
      spkiSha256: publicKey.sha256,
      tbsSha256: hash('sha256', tbs),
      notBefore,
      notAfter,
      recordedAt: now,
    },
  };
}

function admit({ id, publicKey }: LeafRequest, { profile, authorityKeyIds }: Signer): void {
  if (id.trustDomain !== profile.trustDomain) {
    throw new MangroveError(
      'CA_TRUST_DOMAIN_FOREIGN',
      `${id.uri} is not in the trust domain ${profile.trustDomain}`,
    );
  }
  if (!profile.keyAlgorithms.has(publicKey.algorithm)) {
    const allowed = [...profile.keyAlgorithms].join(', ');
    throw new MangroveError(
      'CA_KEY_NOT_ALLOWED',
      `the key is ${publicKey.algorithm}; allowed are ${allowed}`,
    );
  }
  if (authorityKeyIds.has(publicKey.keyId)) {
    throw new MangroveError('CA_KEY_IS_AUTHORITY', 'the request carries the key of a certificate authority');
  }
}

function admitUsages({ keyUsage, extendedKeyUsage, publicKey }: LeafRequest, profile: LeafProfile): void {
  const isGranted =
    keyUsage.every((usage) => profile.keyUsages.has(usage)) &&
    extendedKeyUsage.every((usage) => profile.extendedKeyUsages.has(usage));
  if (!isGranted) {
    const surplus = [
      ...keyUsage.filter((usage) => !profile.keyUsages.has(usage)),
      ...extendedKeyUsage.filter((usage) => !profile.extendedKeyUsages.has(usage)),
    ];
    throw new MangroveError('CA_USAGE_NOT_GRANTED', `this signer does not grant ${surplus.join(', ')}`);
  }
  if (!keyUsage.includes('digitalSignature')) {
    throw new MangroveError('CA_USAGE_MISSING', 'digital signature is not among the usages');
  }
  if (keyUsage.includes('keyEncipherment') && !publicKey.algorithm.startsWith('RSA')) {
    throw new MangroveError('CA_USAGE_NOT_FOR_KEY', `a key of ${publicKey.algorithm} cannot encipher keys`);
  }
}

interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The lifetime counts from now; it is cut to the profile's maximum and to the issuing certificate's end, never below the minimum. */
function validity(request: LeafRequest, profile: LeafProfile, issuing: IssuingKey, now: number): Validity {
  const asked = request.lifetime ?? profile.lifetime;
  if (asked < profile.minLifetime) {
    throw new MangroveError(
      'CA_LIFETIME_TOO_SHORT',
      `${asked} s asked for; the least is ${profile.minLifetime} s`,
    );
  }
  // Nobody's fault who asks: the longest lifetime is raised on the authority a moment after the spec says so.
  if (profile.maxLifetime < profile.minLifetime) {
    throw new MangroveError(
      'CA_NOT_READY',
      `the authority allows ${profile.maxLifetime} s until its longest lifetime is raised; the least is ${profile.minLifetime} s`,
    );
  }
  const wanted = Math.min(asked, profile.maxLifetime);
  const { certificate } = issuing;
  const notAfter = Math.min(now + wanted, certificate.notAfter);
  if (notAfter - now < profile.minLifetime) {
    throw new MangroveError(
      'CA_ISSUER_EXPIRING',
      `the issuing certificate has ${certificate.notAfter - now} s left`,
    );
  }
  return { notBefore: Math.max(now - profile.backdate, certificate.notBefore), notAfter };
}
