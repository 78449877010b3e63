import { createHash } from 'node:crypto';
import { type DerReader, readDer } from '#x509/der/reader.ts';
import { describeTag, Tag } from '#x509/der/tag.ts';
import { element, oid, sequence, setOf } from '#x509/der/writer.ts';
import { X509Error } from '#x509/error.ts';
import { attributeOid } from '#x509/object-identifier.ts';
import type { TrustDomain } from '#x509/spiffe-id.ts';

export interface NameAttribute {
  /** Attribute type, dotted. */
  readonly oid: string;
  readonly value: string;
  /** True when it stands in one RelativeDistinguishedName with the attribute before it. */
  readonly joined?: boolean;
}

/** An attribute as it was read, with the DER of its value. */
export interface ReadNameAttribute extends NameAttribute {
  readonly der: Buffer;
}

/** A distinguished name. Two names are the same when their DER is (no case folding; we compare bytes). */
export interface Name {
  readonly der: Buffer;
  readonly attributes: readonly ReadNameAttribute[];
}

const maxAttributes = 32;
/** X.520 ub-common-name. */
const maxCommonName = 64;

export const emptyName: Buffer = sequence();

/** Reads a whole DER Name. */
export function parseName(der: Buffer): Name {
  return readDer(der, readName);
}

/** Reads the next element as a Name. */
export function readName(reader: DerReader): Name {
  const der = reader.element(Tag.sequence);
  const attributes: ReadNameAttribute[] = [];
  readDer(der, (outer) =>
    outer.within(Tag.sequence, (names) => {
      while (!names.atEnd) readRelativeName(names, attributes);
    }),
  );
  return { der, attributes };
}

function readRelativeName(reader: DerReader, attributes: ReadNameAttribute[]): void {
  const before = attributes.length;
  reader.setOf(Tag.set, (set) =>
    set.within(Tag.sequence, (attribute) => {
      if (attributes.length === maxAttributes) {
        throw new X509Error('NAME_TOO_MANY_ATTRIBUTES', `a name with more than ${maxAttributes} attributes`);
      }
      const type = attribute.oid();
      const tag = attribute.nextTag();
      const der = attribute.element(tag);
      attributes.push({ oid: type, value: attributeText(tag, der), joined: attributes.length > before, der });
    }),
  );
  if (attributes.length === before) throw new X509Error('NAME_INVALID', 'a name with an empty part');
}

/** Only strings: OpenSSL reads no other types in a name, but for two that nobody uses. */
function attributeText(tag: number, der: Buffer): string {
  const decode = decoders.get(tag);
  if (decode === undefined) {
    throw new X509Error(
      'NAME_STRING_INVALID',
      `a name with a value that is ${describeTag(tag)}, not a string`,
    );
  }
  const contents = readDer(der, (reader) => reader.contents(tag));
  const text = stringText(decode, contents);
  if (text !== undefined) return text;
  throw new X509Error('NAME_STRING_INVALID', 'a name with a string that its type does not allow');
}

type Decoder = (bytes: Buffer) => string | undefined;

/** Each string type of X.520 has its own alphabet; a NUL, which ends a string for some readers, is in none of them here. */
function stringText(decode: Decoder, contents: Buffer): string | undefined {
  const text = decode(contents);
  return text?.includes('\0') === true ? undefined : text;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const decoders = new Map<number, Decoder>([
  [Tag.utf8String, (bytes) => attempt(() => utf8.decode(bytes))],
  [Tag.printableString, (bytes) => matching(bytes, /^[A-Za-z0-9 '()+,\-./:=?]*$/)],
  [Tag.numericString, (bytes) => matching(bytes, /^[0-9 ]*$/)],
  [Tag.ia5String, (bytes) => matching(bytes, /^[\p{ASCII}]*$/u)],
  [Tag.teletexString, (bytes) => bytes.toString('latin1')],
  [Tag.bmpString, (bytes) => codePoints(bytes, 2)],
  [Tag.universalString, (bytes) => codePoints(bytes, 4)],
]);

function matching(bytes: Buffer, alphabet: RegExp): string | undefined {
  const text = bytes.toString('latin1');
  return alphabet.test(text) ? text : undefined;
}

function codePoints(bytes: Buffer, width: number): string | undefined {
  if (bytes.length % width !== 0) return undefined;
  let text = '';
  for (let at = 0; at < bytes.length; at += width) {
    const point = bytes.readUIntBE(at, width);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}

function attempt(decode: () => string): string | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** DER of a Name: one RelativeDistinguishedName per attribute that is not `joined` to the one before. */
export function encodeName(attributes: readonly NameAttribute[]): Buffer {
  const relativeNames: Buffer[][] = [];
  for (const attribute of attributes) {
    const members = attribute.joined === true ? relativeNames.at(-1) : undefined;
    if (members === undefined) relativeNames.push([encodeAttribute(attribute)]);
    else members.push(encodeAttribute(attribute));
  }
  return sequence(...relativeNames.map((members) => setOf(...members)));
}

/** String types that RFC 5280 appendix A fixes; everything else is a UTF8String (§4.1.2.4). */
const fixedStrings = new Map<string, number>([
  [attributeOid.country, Tag.printableString],
  [attributeOid.serialNumber, Tag.printableString],
  [attributeOid.domainComponent, Tag.ia5String],
  [attributeOid.emailAddress, Tag.ia5String],
]);

function encodeAttribute({ oid: type, value }: NameAttribute): Buffer {
  const tag = fixedStrings.get(type) ?? Tag.utf8String;
  const contents = Buffer.from(value, tag === Tag.utf8String ? 'utf8' : 'latin1');
  const decode = decoders.get(tag);
  const fits = decode !== undefined && stringText(decode, contents) === value;
  if (!fits || value === '' || (type === attributeOid.commonName && value.length > maxCommonName)) {
    throw new X509Error('ENCODING_INVALID', `${JSON.stringify(value)} as a name attribute ${type}`);
  }
  return sequence(oid(type), element(tag, contents));
}

/**
 * Name of an authority: CN = trust domain, serialNumber = 16 hex digits of its key id, so that no two keys ever share
 * a name. A trust domain above 64 characters stands there as `h-` and 16 hex digits of its SHA-256.
 */
export function authorityNameAttributes(trustDomain: TrustDomain, keyId: string): NameAttribute[] {
  const commonName =
    trustDomain.length <= maxCommonName
      ? trustDomain
      : `h-${createHash('sha256').update(trustDomain).digest('hex').slice(0, 16)}`;
  return [
    { oid: attributeOid.commonName, value: commonName },
    { oid: attributeOid.serialNumber, value: keyId.slice(0, 16) },
  ];
}

/** RFC 4514 §3, and the two that everybody prints besides. */
const shortNames = new Map<string, string>([
  [attributeOid.commonName, 'CN'],
  [attributeOid.locality, 'L'],
  [attributeOid.province, 'ST'],
  [attributeOid.organization, 'O'],
  [attributeOid.organizationalUnit, 'OU'],
  [attributeOid.country, 'C'],
  [attributeOid.street, 'STREET'],
  [attributeOid.domainComponent, 'DC'],
  [attributeOid.userId, 'UID'],
  [attributeOid.serialNumber, 'serialNumber'],
  [attributeOid.emailAddress, 'emailAddress'],
]);

/** RFC 4514 text: last part first; safe to print, whatever the bytes. */
export function formatName(name: Name): string {
  const parts: string[] = [];
  for (const attribute of name.attributes) {
    const text = formatAttribute(attribute);
    if (attribute.joined === true) parts.push(`${parts.pop() ?? ''}+${text}`);
    else parts.push(text);
  }
  return parts.toReversed().join(',');
}

function formatAttribute(attribute: ReadNameAttribute): string {
  const shortName = shortNames.get(attribute.oid);
  // RFC 4514 §2.4: a type without a short name has its value in hexadecimal.
  if (shortName === undefined) return `${attribute.oid}=#${attribute.der.toString('hex')}`;
  return `${shortName}=${escapeValue(attribute.value)}`;
}

/** RFC 4514 §2.4; control characters and everything that could turn text around go out as hex pairs. */
function escapeValue(value: string): string {
  return value
    .replace(/["+,;<>\\]/g, String.raw`\$&`)
    .replace(/^[ #]| $/g, String.raw`\$&`)
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
      Buffer.from(character).toString('hex').replace(/../g, String.raw`\$&`),
    );
}
