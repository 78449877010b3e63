import { type Certificate, parseCertificate } from '#x509/certificate.ts';
import type { WriteDer } from '#x509/der/builder.ts';
import {
  authorityKeyIdExtension,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectAltNameExtension,
  subjectKeyIdExtension,
} from '#x509/extension.ts';
import type { GeneralName } from '#x509/general-name.ts';
import type { ExtendedKeyUsage, KeyUsage } from '#x509/key-usage.ts';
import { encodeName, type NameAttribute } from '#x509/name.ts';
import { attributeOid } from '#x509/object-identifier.ts';
import { signatureAlgorithmOf } from '#x509/signature-algorithm.ts';
import { certify, day, newKey, newSerial, type Subject, start } from '../../support/chain.ts';
import { int, OID, seq, TRUE } from '../../support/der.ts';
import { extension } from '../../support/request.ts';

/** When every certificate below is valid unless it says otherwise. */
export const now = start + day;

/** What a certificate shall say; what is left out is as in a good one. */
export interface Wanted {
  readonly name?: string | readonly NameAttribute[];
  /** Undefined: no basic constraints. */
  readonly ca?: boolean | undefined;
  readonly basicConstraintsCritical?: boolean;
  readonly pathLength?: number | undefined;
  readonly keyUsage?: readonly KeyUsage[] | undefined;
  readonly purposes?: readonly ExtendedKeyUsage[] | undefined;
  readonly names?: readonly GeneralName[];
  readonly namesCritical?: boolean;
  /** Whole Extension elements. */
  readonly extra?: readonly Buffer[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly subjectKeyId?: boolean;
  readonly authorityKeyId?: boolean;
  readonly key?: Subject;
}

export interface Issued {
  readonly der: Buffer;
  readonly certificate: Certificate;
  readonly subject: Buffer;
  readonly key: Subject;
}

export const commonName = (value: string): NameAttribute => ({ oid: attributeOid.commonName, value });

/** A certificate of whoever is `issuer`, or a self-signed one; wrong in just the ways that are wanted. */
function issue(wanted: Wanted, issuer: Issued | undefined): Issued {
  const key = wanted.key ?? newKey();
  const signer = issuer?.key ?? key;
  const subject = encodeName(
    typeof wanted.name === 'string' ? [commonName(wanted.name)] : (wanted.name ?? []),
  );
  const der = certify(
    {
      serial: newSerial(),
      signatureAlgorithm: signatureAlgorithmOf(signer.publicKey.algorithm),
      issuer: issuer?.subject ?? subject,
      notBefore: wanted.notBefore ?? start,
      notAfter: wanted.notAfter ?? start + 30 * day,
      subject,
      spki: key.publicKey.spki,
      extensions: extensionsOf(wanted, key, issuer),
    },
    signer.privateKey,
  );
  return { der, certificate: parseCertificate(der), subject, key };
}

function extensionsOf(wanted: Wanted, key: Subject, issuer: Issued | undefined): WriteDer[] {
  const { keyUsage, purposes, names = [], extra = [] } = wanted;
  const raw = extra.map(
    (element): WriteDer =>
      (der) =>
        der.put(element),
  );
  const all = [...basicConstraints(wanted), ...raw];
  if (keyUsage !== undefined) all.push(keyUsageExtension(keyUsage));
  if (purposes !== undefined) all.push(extendedKeyUsageExtension(purposes));
  if (names.length > 0)
    all.push(subjectAltNameExtension(names, { critical: wanted.namesCritical ?? wanted.name === undefined }));
  if (wanted.subjectKeyId !== false) all.push(subjectKeyIdExtension(key.publicKey.keyId));
  if (issuer !== undefined && wanted.authorityKeyId !== false)
    all.push(authorityKeyIdExtension(issuer.key.publicKey.keyId));
  return all;
}

function basicConstraints({ ca, pathLength, basicConstraintsCritical = true }: Wanted): WriteDer[] {
  if (ca === undefined) return [];
  // Our reader takes a path length from an authority only.
  const length = pathLength === undefined || !ca ? '' : int(pathLength.toString(16).padStart(2, '0'));
  const value = seq(ca ? TRUE : '', length);
  const element = extension(OID.basicConstraints, value, basicConstraintsCritical ? TRUE : '');
  return [(der) => der.put(element)];
}

const authority: Wanted = { ca: true, keyUsage: ['keyCertSign', 'cRLSign'] };

export const root = (wanted: Wanted = {}): Issued =>
  issue({ name: 'root', ...authority, ...wanted }, undefined);

export const intermediate = (issuer: Issued, wanted: Wanted = {}): Issued =>
  issue({ name: 'intermediate', ...authority, ...wanted }, issuer);

/** The usual leaf: no subject, one SPIFFE id, for both ends of a connection. */
export const leaf = (issuer: Issued, wanted: Wanted = {}): Issued =>
  issue(
    {
      ca: false,
      keyUsage: ['digitalSignature'],
      purposes: ['serverAuth', 'clientAuth'],
      names: [{ kind: 'uri', value: 'spiffe://cluster.local/ns/default/sa/web' }],
      ...wanted,
    },
    issuer,
  );
