import { type DerReader, readDer } from '#x509/der/reader.ts';
import { contextConstructed, contextPrimitive, describeTag, Tag } from '#x509/der/tag.ts';
import { X509Error } from '#x509/error.ts';
import { readName } from '#x509/name.ts';

/** A GeneralName (RFC 5280 §4.2.1.6). Text values are printable ASCII without blanks and are not decoded further. */
export type GeneralName =
  | { readonly kind: 'uri' | 'dns' | 'email'; readonly value: string }
  | { readonly kind: 'ip'; readonly value: Buffer }
  | {
      /** otherName, x400Address, directoryName, ediPartyName or registeredID, well-formed and kept as it stands. */
      readonly kind: 'other';
      readonly tag: number;
      readonly der: Buffer;
    };

const email = contextPrimitive(1);
const dns = contextPrimitive(2);
const uri = contextPrimitive(6);
const ip = contextPrimitive(7);
const directoryName = contextConstructed(4);
const registeredId = contextPrimitive(8);

interface OtherKind {
  readonly number: number;
  /** Its form, as far as others read it, too: who cannot read one name drops all that stand beside it. */
  readonly check: (reader: DerReader) => void;
}

const others = new Map<number, OtherKind>([
  [
    contextConstructed(0),
    { number: 0, check: (reader) => reader.within(contextConstructed(0), readOtherName) },
  ],
  [contextConstructed(3), { number: 3, check: (reader) => reader.anyElement() }],
  [directoryName, { number: 4, check: (reader) => reader.within(directoryName, readName) }],
  [
    contextConstructed(5),
    { number: 5, check: (reader) => reader.within(contextConstructed(5), readEdiPartyName) },
  ],
  [registeredId, { number: 8, check: (reader) => reader.oid(registeredId) }],
]);

/** GeneralNames contents: at least one name, at most `limit`, counted while they are read. */
export function readGeneralNames(reader: DerReader, limit: number): GeneralName[] {
  const names: GeneralName[] = [];
  while (!reader.atEnd) {
    if (names.length === limit) throw new X509Error('GENERAL_NAMES_TOO_MANY', `more than ${limit} names`);
    names.push(readGeneralName(reader));
  }
  if (names.length === 0) throw new X509Error('GENERAL_NAMES_EMPTY', 'an extension of names has none');
  return names;
}

function readGeneralName(reader: DerReader): GeneralName {
  const tag = reader.nextTag();
  switch (tag) {
    case uri:
      return { kind: 'uri', value: text(reader.latin1(tag), 'URI') };
    case dns:
      return { kind: 'dns', value: text(reader.latin1(tag), 'DNS name') };
    case email:
      return { kind: 'email', value: text(reader.latin1(tag), 'e-mail address') };
    case ip:
      return { kind: 'ip', value: address(reader.contents(tag)) };
    default:
      return other(reader, tag);
  }
}

/**
 * IA5String allows control characters and blanks; none belongs into a name, and a NUL ends the string for readers
 * written in C, so that they would see another name than we do.
 */
function text(contents: string, what: string): string {
  if (contents === '') throw new X509Error('GENERAL_NAME_INVALID', `an empty ${what}`);
  const foreign = /[^!-~]/.exec(contents)?.[0].charCodeAt(0);
  if (foreign === undefined) return contents;
  throw new X509Error(
    'GENERAL_NAME_NOT_PRINTABLE',
    `byte 0x${foreign.toString(16).padStart(2, '0')} in a ${what}`,
  );
}

function address(bytes: Buffer): Buffer {
  if (bytes.length === 4 || bytes.length === 16) return bytes;
  throw new X509Error('GENERAL_NAME_INVALID', `an IP address of ${bytes.length} octets, not 4 or 16`);
}

function other(reader: DerReader, tag: number): GeneralName {
  const kind = others.get(tag);
  if (kind === undefined) {
    throw new X509Error('GENERAL_NAME_INVALID', `${describeTag(tag)} is not a general name`);
  }
  const der = reader.anyElement();
  readDer(der, kind.check);
  return { kind: 'other', tag: kind.number, der };
}

/** A type and, in a tag of its own, one value of it. */
function readOtherName(name: DerReader): void {
  name.oid();
  name.within(contextConstructed(0), (value) => value.anyElement());
}

function readEdiPartyName(name: DerReader): void {
  name.optional(contextConstructed(0), readDirectoryString);
  name.within(contextConstructed(1), readDirectoryString);
}

const directoryStrings: readonly number[] = [
  Tag.utf8String,
  Tag.printableString,
  Tag.teletexString,
  Tag.universalString,
  Tag.bmpString,
];

function readDirectoryString(reader: DerReader): void {
  const tag = reader.nextTag();
  if (!directoryStrings.includes(tag)) {
    throw new X509Error('GENERAL_NAME_INVALID', `${describeTag(tag)} is no text of a name`);
  }
  reader.anyElement();
}
