import {
  booleanTrue,
  contextPrimitive,
  namedBits,
  octetString,
  oid,
  sequence,
  smallInteger,
} from '#x509/der/writer.ts';
import { X509Error } from '#x509/error.ts';
import type { GeneralName } from '#x509/general-name.ts';
import { type ExtendedKeyUsage, extendedKeyUsageOids, type KeyUsage, keyUsages } from '#x509/key-usage.ts';
import { extensionOid } from '#x509/object-identifier.ts';

const encodedOid = {
  subjectKeyId: oid(extensionOid.subjectKeyId),
  keyUsage: oid(extensionOid.keyUsage),
  subjectAltName: oid(extensionOid.subjectAltName),
  basicConstraints: oid(extensionOid.basicConstraints),
  authorityKeyId: oid(extensionOid.authorityKeyId),
  extendedKeyUsage: oid(extensionOid.extendedKeyUsage),
};

const encodedPurpose: Readonly<Record<ExtendedKeyUsage, Buffer>> = {
  serverAuth: oid(extendedKeyUsageOids.serverAuth),
  clientAuth: oid(extendedKeyUsageOids.clientAuth),
  codeSigning: oid(extendedKeyUsageOids.codeSigning),
  emailProtection: oid(extendedKeyUsageOids.emailProtection),
  timeStamping: oid(extendedKeyUsageOids.timeStamping),
  OCSPSigning: oid(extendedKeyUsageOids.OCSPSigning),
  anyExtendedKeyUsage: oid(extendedKeyUsageOids.anyExtendedKeyUsage),
};

/** Critical (RFC 5280 §4.2.1.3). */
export function keyUsageExtension(usages: readonly KeyUsage[]): Buffer {
  if (usages.length === 0) throw new X509Error('ENCODING_INVALID', 'a key usage without any');
  let bits = 0;
  for (const usage of usages) bits |= 1 << keyUsages.indexOf(usage);
  return extension(encodedOid.keyUsage, true, namedBits(bits));
}

/** Not critical; in the given order, each purpose once. */
export function extendedKeyUsageExtension(purposes: readonly ExtendedKeyUsage[]): Buffer {
  if (purposes.length === 0) throw new X509Error('ENCODING_INVALID', 'an extended key usage without purpose');
  const oids = [...new Set(purposes)].map((purpose) => encodedPurpose[purpose]);
  return extension(encodedOid.extendedKeyUsage, false, sequence(...oids));
}

/** Critical (RFC 5280 §4.2.1.9); cA = FALSE is the default and encodes as an empty SEQUENCE. */
export function basicConstraintsExtension(constraints: {
  ca: boolean;
  pathLength?: number | undefined;
}): Buffer {
  const { ca, pathLength } = constraints;
  if (pathLength !== undefined && !ca)
    throw new X509Error('ENCODING_INVALID', 'a path length where cA is false');
  const fields: Buffer[] = ca ? [booleanTrue] : [];
  if (pathLength !== undefined) fields.push(smallInteger(pathLength));
  return extension(encodedOid.basicConstraints, true, sequence(...fields));
}

/** Not critical (RFC 5280 §4.2.1.2). @param keyId in hex. */
export function subjectKeyIdExtension(keyId: string): Buffer {
  return extension(encodedOid.subjectKeyId, false, octetString(Buffer.from(keyId, 'hex')));
}

/** Not critical, keyIdentifier only (RFC 5280 §4.2.1.1). @param keyId in hex. */
export function authorityKeyIdExtension(keyId: string): Buffer {
  return extension(
    encodedOid.authorityKeyId,
    false,
    sequence(contextPrimitive(0, Buffer.from(keyId, 'hex'))),
  );
}

/** Critical when the subject is empty (RFC 5280 §4.2.1.6). */
export function subjectAltNameExtension(
  names: readonly GeneralName[],
  options: { critical: boolean },
): Buffer {
  if (names.length === 0) throw new X509Error('ENCODING_INVALID', 'an extension of names without any');
  return extension(encodedOid.subjectAltName, options.critical, sequence(...names.map(encodeGeneralName)));
}

const textTags = { email: 1, dns: 2, uri: 6 } as const;
const ipTag = 7;

function encodeGeneralName(name: GeneralName): Buffer {
  if (name.kind === 'other') return name.der;
  if (name.kind === 'ip') return contextPrimitive(ipTag, name.value);
  return contextPrimitive(textTags[name.kind], printable(name.value));
}

function printable(text: string): Buffer {
  if (/^[!-~]+$/.test(text)) return Buffer.from(text, 'latin1');
  throw new X509Error('ENCODING_INVALID', `${JSON.stringify(text)} is not printable ASCII without blanks`);
}

const noBytes = Buffer.alloc(0);

function extension(encodedId: Buffer, critical: boolean, value: Buffer): Buffer {
  return sequence(encodedId, critical ? booleanTrue : noBytes, octetString(value));
}
