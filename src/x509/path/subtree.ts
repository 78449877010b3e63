import type { Certificate } from '#x509/certificate.ts';
import { readDer } from '#x509/der/reader.ts';
import { contextConstructed } from '#x509/der/tag.ts';
import { X509Error } from '#x509/error.ts';
import type { GeneralName } from '#x509/general-name.ts';
import { formatName, type Name, type ReadNameAttribute, readName } from '#x509/name.ts';
import { attributeOid } from '#x509/object-identifier.ts';
import type { PathBudget } from '#x509/path/budget.ts';
import {
  type DnsPattern,
  isDnsName,
  isWithinDomain,
  parentOf,
  parseDnsPattern,
} from '#x509/path/dns-name.ts';
import type { NameConstraints, Subtree } from '#x509/path/name-constraints.ts';

/** A name of a certificate, read as far as a subtree of its kind asks. */
type Constrained =
  | { readonly kind: 'dns'; readonly pattern: DnsPattern }
  | { readonly kind: 'uri'; readonly host: string }
  | { readonly kind: 'email'; readonly mailbox: string; readonly host: string }
  | { readonly kind: 'ip'; readonly address: Buffer }
  | { readonly kind: 'directory'; readonly name: Name }
  | { readonly kind: 'other'; readonly tag: number }
  /** Of this kind, but not to be held against anything. */
  | { readonly kind: 'unreadable'; readonly of: Subtree['kind'] };

/** A name and how to show it. */
interface Shown {
  readonly text: string;
  readonly name: Constrained;
}

/**
 * What the constraints refuse of a certificate below (RFC 5280 §6.1.3 b and c): the first name that is excluded, or
 * that is permitted by none of the subtrees of its kind, or that cannot be read although its kind is constrained.
 */
export function constraintFault(
  constraints: NameConstraints,
  certificate: Certificate,
  budget: PathBudget,
): X509Error | undefined {
  const { permitted, excluded } = constraints;
  for (const { text, name } of constrainedNames(certificate)) {
    budget.spendNameComparisons(permitted.length + excluded.length);
    const kind = name.kind === 'unreadable' ? name.of : name.kind;
    const ofKind = (subtree: Subtree): boolean =>
      subtree.kind === kind &&
      (name.kind !== 'other' || subtree.kind !== 'other' || subtree.tag === name.tag);
    const allowed = permitted.filter(ofKind);
    const barred = excluded.filter(ofKind);
    if (allowed.length + barred.length === 0) continue;
    if (name.kind === 'unreadable' || name.kind === 'other')
      return fault('PATH_NAME_UNREADABLE', text, 'is constrained, but cannot be held against constraints');
    if (barred.some((subtree) => touches(subtree, name)))
      return fault('PATH_NAME_EXCLUDED', text, 'is in a subtree that an issuer excludes');
    if (allowed.length > 0 && !allowed.some((subtree) => contains(subtree, name)))
      return fault('PATH_NAME_NOT_PERMITTED', text, 'is in no subtree that an issuer permits');
  }
  return undefined;
}

function fault(
  code: 'PATH_NAME_UNREADABLE' | 'PATH_NAME_EXCLUDED' | 'PATH_NAME_NOT_PERMITTED',
  text: string,
  what: string,
): X509Error {
  return new X509Error(code, `the name ${JSON.stringify(text.slice(0, 200))} ${what}`);
}

/** Alternative names, the subject, and the e-mail addresses in it, where old programs keep them (RFC 5280 §4.2.1.10). */
function constrainedNames({ subject, subjectAltNames }: Certificate): Shown[] {
  const names = subjectAltNames.map(readAlternative);
  for (const { oid, value } of subject.attributes) {
    if (oid === attributeOid.emailAddress) names.push({ text: value, name: readMailbox(value) });
  }
  if (subject.attributes.length > 0)
    names.push({ text: formatName(subject), name: { kind: 'directory', name: subject } });
  return names;
}

function readAlternative(name: GeneralName): Shown {
  switch (name.kind) {
    case 'dns': {
      const pattern = parseDnsPattern(name.value);
      return { text: name.value, name: pattern ? { kind: 'dns', pattern } : unreadable('dns') };
    }
    case 'uri':
      return { text: name.value, name: readHost(name.value) };
    case 'email':
      return { text: name.value, name: readMailbox(name.value) };
    case 'ip':
      return { text: name.value.toString('hex'), name: { kind: 'ip', address: name.value } };
    case 'other':
      return readOther(name.tag, name.der);
  }
}

const unreadable = (of: Subtree['kind']): Constrained => ({ kind: 'unreadable', of });

const directoryTag = 4;

function readOther(tag: number, der: Buffer): Shown {
  if (tag !== directoryTag) return { text: `general name [${tag}]`, name: { kind: 'other', tag } };
  const name = readDer(der, (outer) => outer.within(contextConstructed(directoryTag), readName));
  return { text: formatName(name), name: { kind: 'directory', name } };
}

/** RFC 5280 §4.2.1.10: only a host that is a name can be held against a constraint; an address is refused. */
function readHost(uri: string): Constrained {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1] ?? '';
  const host = authority.slice(authority.lastIndexOf('@') + 1).replace(/:[0-9]*$/, '');
  return isDnsName(host.replaceAll('_', 'x')) ? { kind: 'uri', host: host.toLowerCase() } : unreadable('uri');
}

/** A second @ is possible in a quoted part, which readers take apart differently: refused. */
function readMailbox(address: string): Constrained {
  const at = address.indexOf('@');
  const host = address.slice(at + 1).toLowerCase();
  return at > 0 && isDnsName(host)
    ? { kind: 'email', mailbox: address.slice(0, at), host }
    : unreadable('email');
}

type Readable = Exclude<Constrained, { kind: 'unreadable' | 'other' }>;

/** Whether all that the name stands for is in the subtree. */
function contains(subtree: Subtree, name: Readable): boolean {
  if (subtree.kind === 'directory' && name.kind === 'directory')
    return beginsWith(name.name, subtree.name, exact);
  if (subtree.kind === 'dns' && name.kind === 'dns') return isWithinDomain(name.pattern.name, subtree.domain);
  return holds(subtree, name);
}

/**
 * Whether anything that the name stands for may be in the subtree. A wildcard stands for the names one label below it;
 * in directory names, spelling and string type make no difference here, since an exclusion must not be easy to evade.
 */
function touches(subtree: Subtree, name: Readable): boolean {
  if (subtree.kind === 'directory' && name.kind === 'directory')
    return beginsWith(name.name, subtree.name, folded);
  if (subtree.kind === 'dns' && name.kind === 'dns') {
    const { wildcard, name: domain } = name.pattern;
    return isWithinDomain(domain, subtree.domain) || (wildcard && parentOf(subtree.domain) === domain);
  }
  return holds(subtree, name);
}

function holds(subtree: Subtree, name: Readable): boolean {
  if (subtree.kind === 'uri' && name.kind === 'uri') return isHostOf(subtree.host, name.host);
  if (subtree.kind === 'email' && name.kind === 'email') {
    const { mailbox } = subtree;
    return isHostOf(subtree.host, name.host) && (mailbox === undefined || mailbox === name.mailbox);
  }
  if (subtree.kind === 'ip' && name.kind === 'ip') return isInNetwork(subtree, name.address);
  return false;
}

/** A constraint without a dot before it is one host; one with it is all below, but not the domain itself. */
function isHostOf(constraint: string, host: string): boolean {
  return constraint === '' || (constraint.startsWith('.') ? host.endsWith(constraint) : host === constraint);
}

function isInNetwork({ address, mask }: Extract<Subtree, { kind: 'ip' }>, candidate: Buffer): boolean {
  const same = (octet: number, i: number): boolean => ((octet ^ (candidate[i] ?? 0)) & (mask[i] ?? 0)) === 0;
  return candidate.length === address.length && address.every(same);
}

/** Whether the relative names of `base` are the first ones of `name`, each as a set of attributes. */
function beginsWith(name: Name, base: Name, value: (attribute: ReadNameAttribute) => string): boolean {
  const found = relativeNames(name, value);
  return relativeNames(base, value).every((wanted, i) => found[i] === wanted);
}

function relativeNames(name: Name, value: (attribute: ReadNameAttribute) => string): string[] {
  const sets: string[][] = [];
  for (const attribute of name.attributes) {
    const text = JSON.stringify([attribute.oid, value(attribute)]);
    if (attribute.joined === true) sets.at(-1)?.push(text);
    else sets.push([text]);
  }
  return sets.map((set) => set.toSorted().join());
}

const exact = ({ der }: ReadNameAttribute): string => der.toString('hex');

/** RFC 4518, as far as it can matter: case, compatibility forms, and blanks, however many. */
function folded({ value }: ReadNameAttribute): string {
  return value.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}
