import type { DerBuilder, WriteDer } from '#x509/der/builder.ts';
import { booleanTrue, oid, smallInteger } from '#x509/der/writer.ts';
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
export function keyUsageExtension(usages: readonly KeyUsage[]): WriteDer {
  if (usages.length === 0) throw new X509Error('ENCODING_INVALID', 'a key usage without any');
  let bits = 0;
  for (const usage of usages) bits |= 1 << keyUsages.indexOf(usage);
  return extension(encodedOid.keyUsage, true, (der) => der.namedBits(bits));
}

/** Not critical; in the given order, each purpose once. */
export function extendedKeyUsageExtension(purposes: readonly ExtendedKeyUsage[]): WriteDer {
  if (purposes.length === 0) throw new X509Error('ENCODING_INVALID', 'an extended key usage without purpose');
  if (purposes.some((purpose, i) => purposes.indexOf(purpose) !== i))
    throw new X509Error('ENCODING_INVALID', 'a purpose twice');
  return extension(encodedOid.extendedKeyUsage, false, (value) =>
    value.within(0x30, (der) => {
      for (const purpose of purposes) der.put(encodedPurpose[purpose]);
    }),
  );
}

/** Critical (RFC 5280 §4.2.1.9); cA = FALSE is the default and encodes as an empty SEQUENCE. */
export function basicConstraintsExtension(constraints: {
  ca: boolean;
  pathLength?: number | undefined;
}): WriteDer {
  const { ca, pathLength } = constraints;
  if (pathLength !== undefined && !ca)
    throw new X509Error('ENCODING_INVALID', 'a path length where cA is false');
  const encodedLength = pathLength === undefined ? undefined : smallInteger(pathLength);
  return extension(encodedOid.basicConstraints, true, (value) =>
    value.within(0x30, (der) => {
      if (ca) der.put(booleanTrue);
      if (encodedLength !== undefined) der.put(encodedLength);
    }),
  );
}

/** Not critical (RFC 5280 §4.2.1.2). @param keyId in hex. */
export function subjectKeyIdExtension(keyId: string): WriteDer {
  return extension(encodedOid.subjectKeyId, false, (der) => der.hex(0x04, keyId));
}

/** Not critical, keyIdentifier only (RFC 5280 §4.2.1.1). @param keyId in hex. */
export function authorityKeyIdExtension(keyId: string): WriteDer {
  return extension(encodedOid.authorityKeyId, false, (value) =>
    value.within(0x30, (der) => der.hex(0x80, keyId)),
  );
}

/** Critical when the subject is empty (RFC 5280 §4.2.1.6). */
export function subjectAltNameExtension(
  names: readonly GeneralName[],
  options: { critical: boolean },
): WriteDer {
  if (names.length === 0) throw new X509Error('ENCODING_INVALID', 'an extension of names without any');
  for (const name of names) assertPrintable(name);
  return extension(encodedOid.subjectAltName, options.critical, (value) =>
    value.within(0x30, (der) => {
      for (const name of names) writeGeneralName(der, name);
    }),
  );
}

/** GeneralName, RFC 5280 §4.2.1.6. */
const textTags = { email: 0x81, dns: 0x82, uri: 0x86 } as const;
const ipTag = 0x87;

function writeGeneralName(der: DerBuilder, name: GeneralName): void {
  if (name.kind === 'other') der.put(name.der);
  else if (name.kind === 'ip') der.octets(ipTag, name.value);
  else der.ascii(textTags[name.kind], name.value);
}

function assertPrintable(name: GeneralName): void {
  if (name.kind === 'other' || name.kind === 'ip' || /^[!-~]+$/.test(name.value)) return;
  const text = JSON.stringify(name.value);
  throw new X509Error('ENCODING_INVALID', `${text} is not printable ASCII without blanks`);
}

function extension(encodedId: Buffer, critical: boolean, write: WriteDer): WriteDer {
  return (list) =>
    list.within(0x30, (der) => {
      der.put(encodedId);
      if (critical) der.put(booleanTrue);
      der.within(0x04, write);
    });
}
