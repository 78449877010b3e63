const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const dnsName = new RegExp(`^${label}(?:\\.${label})*$`);
const maxBytes = 253;

/** Preferred name syntax (RFC 1034 §3.5, RFC 5280 §4.2.1.6): letters, digits and inner hyphens; no dot at the end. */
export function isDnsName(text: string): boolean {
  return text.length <= maxBytes && dnsName.test(text) && !isDottedAddress(text);
}

/** Its last label would be a number, which no top-level domain is (RFC 3696 §2). */
function isDottedAddress(text: string): boolean {
  return /(?:^|\.)[0-9]+$/.test(text);
}

/** A dNSName of a certificate: a DNS name, or a wildcard for exactly one label, the leftmost (RFC 9525 §6.3). */
export interface DnsPattern {
  readonly wildcard: boolean;
  /** In lower case; without the `*.` of a wildcard. */
  readonly name: string;
}

/** Undefined for what is no such name: it matches nothing. A wildcard for all of a top-level domain is none. */
export function parseDnsPattern(text: string): DnsPattern | undefined {
  const wildcard = text.startsWith('*.');
  const name = wildcard ? text.slice(2) : text;
  if (!isDnsName(name) || (wildcard && !name.includes('.'))) return undefined;
  return { wildcard, name: name.toLowerCase() };
}

/** Whether the pattern of a certificate stands for this host. */
export function matchesDnsName({ wildcard, name }: DnsPattern, host: string): boolean {
  const wanted = host.toLowerCase();
  return wildcard ? parentOf(wanted) === name : wanted === name;
}

/** Whether `name` is the domain, or within it; everything is within the empty one. */
export function isWithinDomain(name: string, domain: string): boolean {
  return domain === '' || name === domain || name.endsWith(`.${domain}`);
}

/** Everything but the leftmost label. */
export function parentOf(name: string): string {
  const dot = name.indexOf('.');
  return dot === -1 ? '' : name.slice(dot + 1);
}
