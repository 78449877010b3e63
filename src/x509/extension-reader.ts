import { type DerReader, readDer } from '#x509/der/reader.ts';
import { contextConstructed, contextPrimitive, Tag } from '#x509/der/tag.ts';
import { X509Error } from '#x509/error.ts';
import { type GeneralName, readGeneralNames } from '#x509/general-name.ts';
import { extendedKeyUsageName, type KeyUsage, keyUsages } from '#x509/key-usage.ts';
import { extensionOid } from '#x509/object-identifier.ts';

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** Contents of extnValue: the DER of the extension's own type. */
  readonly value: Buffer;
}

/** In the order in which they stand; each OID once. */
export type Extensions = readonly Extension[];

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength: number | undefined;
}

export const noExtensions: Extensions = [];

const maxPurposes = 32;
const maxKeyIdBytes = 64;

/** Reads the next element as Extensions: each OID once, at most `limit`. Values stay raw. */
export function readExtensions(reader: DerReader, limit: number): Extensions {
  return reader.within(Tag.sequence, (list) => {
    const extensions: Extension[] = [];
    while (!list.atEnd) {
      if (extensions.length === limit)
        throw new X509Error('EXTENSIONS_TOO_MANY', `more than ${limit} extensions`);
      const extension = list.within(Tag.sequence, readExtension);
      if (findExtension(extensions, extension.oid) !== undefined) {
        throw new X509Error('EXTENSION_DUPLICATE', `the extension ${extension.oid} stands there twice`);
      }
      extensions.push(extension);
    }
    if (extensions.length === 0) throw new X509Error('EXTENSIONS_EMPTY', 'a list of extensions without any');
    return extensions;
  });
}

/** Lists are short (see the limits of those who read them): no index pays. */
export function findExtension(extensions: Extensions, oid: string): Extension | undefined {
  for (const extension of extensions) if (extension.oid === oid) return extension;
  return undefined;
}

function readExtension(reader: DerReader): Extension {
  return { oid: reader.oid(), critical: reader.booleanOrFalse(), value: reader.contents(Tag.octetString) };
}

/** Undefined when the extension is absent; every reader below is the same in this. */
function readValue<T>(extensions: Extensions, oid: string, read: (reader: DerReader) => T): T | undefined {
  const extension = findExtension(extensions, oid);
  return extension === undefined ? undefined : readDer(extension.value, read, 'EXTENSION_TRAILING_BYTES');
}

/** RFC 5280 §4.2.1.9. */
export function readBasicConstraints(extensions: Extensions): BasicConstraints | undefined {
  return readValue(extensions, extensionOid.basicConstraints, (reader) =>
    reader.within(Tag.sequence, (constraints) => {
      const ca = constraints.booleanOrFalse();
      const pathLength = constraints.atEnd ? undefined : constraints.smallInteger();
      if (pathLength !== undefined && !ca) {
        throw new X509Error('BASIC_CONSTRAINTS_INVALID', 'a path length where cA is false');
      }
      return { ca, pathLength };
    }),
  );
}

/** RFC 5280 §4.2.1.3: at least one bit, and only bits that have a name. */
export function readKeyUsage(extensions: Extensions): readonly KeyUsage[] | undefined {
  return readValue(extensions, extensionOid.keyUsage, (reader) => {
    const bits = reader.namedBits();
    if (bits === 0 || bits >= 1 << keyUsages.length) {
      throw new X509Error('KEY_USAGE_INVALID', 'a key usage without any bit, or with one that has no name');
    }
    return keyUsages.filter((_, bit) => (bits & (1 << bit)) !== 0);
  });
}

/** RFC 5280 §4.2.1.12: names of RFC 5280, dotted OIDs for all others; each once. */
export function readExtendedKeyUsage(extensions: Extensions): readonly string[] | undefined {
  return readValue(extensions, extensionOid.extendedKeyUsage, (reader) =>
    reader.within(Tag.sequence, (list) => {
      const purposes: string[] = [];
      while (!list.atEnd) {
        const purpose = extendedKeyUsageName(list.oid());
        if (purposes.includes(purpose) || purposes.length === maxPurposes) {
          throw new X509Error('EXTENDED_KEY_USAGE_INVALID', `a purpose twice, or more than ${maxPurposes}`);
        }
        purposes.push(purpose);
      }
      if (purposes.length === 0)
        throw new X509Error('EXTENDED_KEY_USAGE_INVALID', 'an extended key usage without purpose');
      return purposes;
    }),
  );
}

/** RFC 5280 §4.2.1.6; empty when the extension is absent. */
export function readSubjectAltNames(extensions: Extensions, limit: number): readonly GeneralName[] {
  const names = readValue(extensions, extensionOid.subjectAltName, (reader) =>
    reader.within(Tag.sequence, (list) => readGeneralNames(list, limit)),
  );
  return names ?? [];
}

/** RFC 5280 §4.2.1.2; in hex. */
export function readSubjectKeyId(extensions: Extensions): string | undefined {
  return readValue(extensions, extensionOid.subjectKeyId, (reader) => keyId(reader.hex(Tag.octetString)));
}

/** RFC 5280 §4.2.1.1: the keyIdentifier in hex; issuer and serial must come together and are checked, but not returned. */
export function readAuthorityKeyId(extensions: Extensions, limit: number): string | undefined {
  return readValue(extensions, extensionOid.authorityKeyId, (reader) =>
    reader.within(Tag.sequence, (fields) => {
      const id = fields.nextIs(contextPrimitive(0)) ? keyId(fields.hex(contextPrimitive(0))) : undefined;
      const issuer = fields.optional(contextConstructed(1), (names) => readGeneralNames(names, limit));
      const serial = fields.nextIs(contextPrimitive(2)) ? fields.integer(contextPrimitive(2)) : undefined;
      if ((issuer === undefined) !== (serial === undefined)) {
        throw new X509Error(
          'KEY_ID_INVALID',
          'an authority key id with only one of issuer and serial number',
        );
      }
      return id;
    }),
  );
}

function keyId(hex: string): string {
  const length = hex.length / 2;
  if (length > 0 && length <= maxKeyIdBytes) return hex;
  throw new X509Error('KEY_ID_INVALID', `a key id of ${length} bytes, not 1 to ${maxKeyIdBytes}`);
}
