import type { Certificate } from '#x509/certificate.ts';
import { type DerReader, readDer } from '#x509/der/reader.ts';
import { contextConstructed, contextPrimitive, Tag } from '#x509/der/tag.ts';
import { X509Error } from '#x509/error.ts';
import { findExtension } from '#x509/extension-reader.ts';
import { type Name, readName } from '#x509/name.ts';
import { extensionOid } from '#x509/object-identifier.ts';
import { isDnsName } from '#x509/path/dns-name.ts';

/** The base of a GeneralSubtree (RFC 5280 §4.2.1.10). Texts are in lower case, but for the local part of a mailbox. */
export type Subtree =
  /** A domain and all within it; the empty one holds everything. */
  | { readonly kind: 'dns'; readonly domain: string }
  /** A host, or everything within a domain that is given with a dot before it. */
  | { readonly kind: 'uri'; readonly host: string }
  /** As with `uri`, or one mailbox. */
  | { readonly kind: 'email'; readonly mailbox: string | undefined; readonly host: string }
  | { readonly kind: 'ip'; readonly address: Buffer; readonly mask: Buffer }
  | { readonly kind: 'directory'; readonly name: Name }
  /** A kind of name that is not looked into: a certificate with any name of this kind is refused. */
  | { readonly kind: 'other'; readonly tag: number };

export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

const maxSubtrees = 1024;

/** Undefined when the certificate has none. Throws NAME_CONSTRAINTS_INVALID and `DER_*`. */
export function readNameConstraints(certificate: Certificate): NameConstraints | undefined {
  const extension = findExtension(certificate.extensions, extensionOid.nameConstraints);
  if (extension === undefined) return undefined;
  return readDer(
    extension.value,
    (reader) =>
      reader.within(Tag.sequence, (fields) => {
        const permitted = fields.optional(contextConstructed(0), readSubtrees) ?? [];
        const excluded = fields.optional(contextConstructed(1), readSubtrees) ?? [];
        if (permitted.length + excluded.length === 0) throw invalid('constraints that constrain nothing');
        return { permitted, excluded };
      }),
    'EXTENSION_TRAILING_BYTES',
  );
}

function readSubtrees(list: DerReader): Subtree[] {
  const subtrees: Subtree[] = [];
  while (!list.atEnd) {
    if (subtrees.length === maxSubtrees) throw invalid(`more than ${maxSubtrees} subtrees`);
    // Minimum and maximum are not used with any kind of name (RFC 5280 §4.2.1.10): a byte after the base is refused.
    subtrees.push(list.within(Tag.sequence, readBase));
  }
  if (subtrees.length === 0) throw invalid('an empty list of subtrees');
  return subtrees;
}

const email = contextPrimitive(1);
const dns = contextPrimitive(2);
const directoryName = contextConstructed(4);
const uri = contextPrimitive(6);
const ip = contextPrimitive(7);
const others = new Set([
  contextConstructed(0),
  contextConstructed(3),
  contextConstructed(5),
  contextPrimitive(8),
]);

function readBase(subtree: DerReader): Subtree {
  const tag = subtree.nextTag();
  switch (tag) {
    case dns:
      return { kind: 'dns', domain: domain(text(subtree, tag)) };
    case uri:
      return { kind: 'uri', host: hostOrDomain(text(subtree, tag)) };
    case email:
      return mailbox(text(subtree, tag));
    case ip:
      return network(subtree.contents(tag));
    case directoryName:
      return { kind: 'directory', name: subtree.within(tag, readName) };
    default:
      if (!others.has(tag)) throw invalid('a constraint on what is not a general name');
      subtree.anyElement();
      return { kind: 'other', tag: tag & 0x1f };
  }
}

/** Unlike a name, a constraint may be empty: then it holds every name of its kind. */
function text(reader: DerReader, tag: number): string {
  const contents = reader.latin1(tag);
  if (/[^!-~]/.test(contents)) throw invalid('a constraint that is not printable ASCII without blanks');
  return contents;
}

/** A dot at the beginning, and a wildcard, have no meaning here (RFC 5280 §4.2.1.10). */
function domain(base: string): string {
  if (base === '' || isDnsName(base)) return base.toLowerCase();
  throw invalid(`${JSON.stringify(base)} as a domain`);
}

function hostOrDomain(base: string): string {
  const host = base.startsWith('.') ? base.slice(1) : base;
  // Trust domains of SPIFFE may have underscores (SPIFFE-ID §2.1).
  if (base === '' || isDnsName(host.replaceAll('_', 'x'))) return base.toLowerCase();
  throw invalid(`${JSON.stringify(base)} as a host`);
}

function mailbox(base: string): Subtree {
  const at = base.lastIndexOf('@');
  if (at === -1) return { kind: 'email', mailbox: undefined, host: hostOrDomain(base) };
  const host = base.slice(at + 1);
  if (at === 0 || base.indexOf('@') !== at || !isDnsName(host))
    throw invalid(`${JSON.stringify(base)} as a mailbox`);
  return { kind: 'email', mailbox: base.slice(0, at), host: host.toLowerCase() };
}

/** Address and mask of the same length; the mask is ones and then zeros (RFC 4632 §3.1). */
function network(octets: Buffer): Subtree {
  if (octets.length !== 8 && octets.length !== 32) throw invalid(`a network of ${octets.length} octets`);
  const half = octets.length / 2;
  const mask = octets.subarray(half);
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  if (bits.includes('01')) throw invalid(`the network mask ${mask.toString('hex')}`);
  return { kind: 'ip', address: octets.subarray(0, half), mask };
}

function invalid(what: string): X509Error {
  return new X509Error('NAME_CONSTRAINTS_INVALID', `name constraints with ${what}`);
}
