import type { Certificate } from '#x509/certificate.ts';
import { X509Error } from '#x509/error.ts';
import type { GeneralName } from '#x509/general-name.ts';
import { isDnsName, matchesDnsName, parseDnsPattern } from '#x509/path/dns-name.ts';
import type { SpiffeId } from '#x509/spiffe-id.ts';

/** Whom the caller wants at the other end. The subject's common name never counts (RFC 9525 §2). */
export type ExpectedName =
  | { readonly kind: 'spiffe'; readonly id: SpiffeId }
  | { readonly kind: 'dns'; readonly value: string }
  /** 4 or 16 octets; an address never matches a DNS name that looks like it. */
  | { readonly kind: 'ip'; readonly value: Buffer }
  | { readonly kind: 'email'; readonly value: string };

/** Undefined when the leaf has the name. */
export function nameFault(leaf: Certificate, expected: ExpectedName): X509Error | undefined {
  if (hasName(leaf, expected)) return undefined;
  return new X509Error('PATH_NAME_MISMATCH', `the leaf is not ${format(expected)}`);
}

function hasName({ subjectAltNames }: Certificate, expected: ExpectedName): boolean {
  switch (expected.kind) {
    case 'spiffe':
      return isOnlyUri(subjectAltNames, expected.id.uri);
    case 'dns':
      return isDnsName(expected.value) && subjectAltNames.some((name) => isHost(name, expected.value));
    case 'ip':
      return subjectAltNames.some((name) => name.kind === 'ip' && name.value.equals(expected.value));
    case 'email':
      return subjectAltNames.some((name) => name.kind === 'email' && isMailbox(name.value, expected.value));
  }
}

/** X509-SVID §2: exactly one URI, which is the id; other kinds of names may stand beside it. */
function isOnlyUri(names: readonly GeneralName[], uri: string): boolean {
  const uris = names.filter(({ kind }) => kind === 'uri');
  return uris.length === 1 && names.some((name) => name.kind === 'uri' && name.value === uri);
}

function isHost(name: GeneralName, host: string): boolean {
  if (name.kind !== 'dns') return false;
  const pattern = parseDnsPattern(name.value);
  return pattern !== undefined && matchesDnsName(pattern, host);
}

/** RFC 5280 §7.5: the part before the last @ byte by byte, the host without regard to case. */
function isMailbox(one: string, other: string): boolean {
  const split = (address: string): [string, string] => {
    const at = address.lastIndexOf('@');
    return [address.slice(0, at), address.slice(at + 1).toLowerCase()];
  };
  const [local, host] = split(one);
  const [wantedLocal, wantedHost] = split(other);
  return local === wantedLocal && host === wantedHost;
}

function format(expected: ExpectedName): string {
  if (expected.kind === 'spiffe') return expected.id.uri;
  if (expected.kind === 'ip') return `the address ${expected.value.toString('hex')}`;
  return JSON.stringify(expected.value.slice(0, 200));
}
