import { day, start } from '../../support/chain.ts';
import { directory, dns, email, type SubtreeLists, uri } from './constraints.ts';
import { commonName, now } from './issued.ts';
import type { Plan, Quirk } from './plan.ts';

export type Oracle = 'OpenSSL' | 'Go';

/** A known difference between our verdict and that of another verifier. */
export interface Disagreement {
  readonly oracle: Oracle;
  readonly why: string;
  /** Matches a fault of ours, as `code message`, that the other one does not see; undefined where we accept. */
  readonly ours?: RegExp;
  /** Matches a reason of the other one that we do not see; undefined where it accepts. */
  readonly theirs?: RegExp;
  /** Undefined: anywhere. */
  readonly when?: (plan: Plan) => boolean;
  /** A chain on which the two do disagree, so that no line here can be stale. */
  readonly example: Plan;
}

const plain: Plan = {
  depth: 1,
  at: now,
  purpose: 'serverAuth',
  names: [],
  subject: true,
  quirks: [],
  limits: [],
};
const leafWith = (what: Quirk): Plan => ({ ...plain, quirks: [{ where: 0, what }] });
const authorityWith = (what: Quirk): Plan => ({ ...plain, quirks: [{ where: 1, what }] });
const named = (names: Plan['names'], lists: SubtreeLists): Plan => ({
  ...plain,
  names,
  limits: [{ where: 1, lists }],
});
const hasQuirk =
  (what: Quirk) =>
  (plan: Plan): boolean =>
    plan.quirks.some((quirk) => quirk.what === what);

const subdomainId = { kind: 'uri', value: 'spiffe://a.cluster.local/ns/a/sa/b' } as const;
const addressUri = { kind: 'uri', value: 'https://10.0.0.1/' } as const;
const subdomainMail = { kind: 'email', value: 'a@b.example.com' } as const;
const wildcard = { kind: 'dns', value: '*.example.com' } as const;

const both = (line: Omit<Disagreement, 'oracle'>): Disagreement[] => [
  { oracle: 'OpenSSL', ...line },
  { oracle: 'Go', ...line },
];

/** Where we are stricter. */
const refusedHere: readonly Disagreement[] = [
  ...both({
    why: 'a leaf that may sign as an authority does is an authority (X509-SVID §4.1, §4.3)',
    ours: /^PATH_LEAF_IS_CA .* may sign/,
    example: leafWith('a CA'),
  }),
  ...both({
    why: 'name constraints are for authorities only (RFC 5280 §4.2.1.10)',
    ours: /^PATH_LEAF_IS_CA .* has name constraints/,
    example: { ...plain, limits: [{ where: 0, lists: { permitted: [dns('example.com')] } }] },
  }),
  ...both({
    why: 'chains here have at most six certificates',
    ours: /^PATH_TOO_LONG/,
    example: { ...plain, depth: 5 },
  }),
  ...both({
    why: 'a leaf signs its handshakes; others are content with any usage that some cipher suite once had, or with none at all',
    ours: /^PATH_KEY_USAGE .* without digitalSignature/,
    example: leafWith('no digitalSignature'),
  }),
  {
    oracle: 'OpenSSL',
    why: 'a URI whose host is an address cannot be held against constraints and is refused (RFC 5280 §4.2.1.10)',
    ours: /^PATH_NAME_UNREADABLE .*10\.0\.0\.1/,
    example: named([addressUri], { excluded: [uri('cluster.local')] }),
  },
  {
    oracle: 'OpenSSL',
    why: 'a wildcard that stands for an excluded name, too, is excluded (CVE-2025-61727)',
    ours: /^PATH_NAME_EXCLUDED .*\*\.example\.com/,
    example: named([wildcard], { excluded: [dns('a.example.com')] }),
  },
  {
    oracle: 'Go',
    why: 'Go does not look whether extensions are critical that must be, or must not',
    ours: /^PATH_CRITICALITY/,
    example: authorityWith('basic constraints not critical'),
  },
  {
    oracle: 'Go',
    why: 'Go does not ask for key ids',
    ours: /^PATH_KEY_ID_MISSING/,
    example: authorityWith('no authority key id'),
  },
  {
    oracle: 'Go',
    why: 'a URI or mailbox constraint without a dot before it is one host (RFC 5280 §4.2.1.10); Go takes all below it as well',
    ours: /^PATH_NAME_NOT_PERMITTED .*(?:spiffe:|@)/,
    example: named([subdomainId], { permitted: [uri('cluster.local')] }),
  },
];

/** Where another one is stricter. */
const refusedThere: readonly Disagreement[] = [
  {
    oracle: 'OpenSSL',
    why: 'the last second belongs to the time of validity (RFC 5280 §4.1.2.5); to OpenSSL it does not',
    theirs: /^error 10 /,
    when: ({ at }) => at === start + 30 * day,
    example: { ...plain, at: start + 30 * day },
  },
  {
    oracle: 'OpenSSL',
    why: 'anyExtendedKeyUsage is any purpose (RFC 5280 §4.2.1.12); to OpenSSL it is none for TLS',
    theirs: /^error 26 /,
    when: hasQuirk('for anything'),
    example: leafWith('for anything'),
  },
  {
    oracle: 'OpenSSL',
    why: 'a key usage that is there must have keyCertSign (RFC 5280 §6.1.4 n); -x509_strict wants it to be there',
    theirs: /^error (?:92|81) /,
    when: hasQuirk('no key usage'),
    example: authorityWith('no key usage'),
  },
  {
    oracle: 'OpenSSL',
    why: 'to OpenSSL a certificate with the name of its issuer and no key id of its own is signed by itself',
    theirs: /^error 18 at 0 /,
    when: (plan) => hasQuirk('self-issued')(plan) && hasQuirk('no subject key id')(plan),
    example: {
      ...plain,
      quirks: [
        { where: 0, what: 'self-issued' },
        { where: 0, what: 'no subject key id' },
      ],
    },
  },
  {
    oracle: 'Go',
    why: 'Go does not know constraints on directory names, and refuses them when critical',
    theirs: /^x509: unhandled critical extension/,
    when: ({ limits }) =>
      limits.some(({ lists }) =>
        [...(lists.permitted ?? []), ...(lists.excluded ?? [])].some((base) => base[0] === 0xa4),
      ),
    example: named([], { permitted: [directory(commonName('leaf'))] }),
  },
  {
    oracle: 'Go',
    why: 'Go holds a URI with an address against constraints even where no URI is constrained',
    theirs: /URI with IP \("https:\/\/10\.0\.0\.1\/"\) cann/,
    example: named([addressUri], { excluded: [dns('example.org')] }),
  },
  {
    oracle: 'Go',
    why: 'an excluded host is that host alone (RFC 5280 §4.2.1.10); Go excludes all below it as well',
    theirs: /(?:URI "spiffe:\/\/a\.cluster\.local|email address "a@b\.example\.com").*excluded/,
    example: named([subdomainMail], { excluded: [email('example.com')] }),
  },
];

export const disagreements: readonly Disagreement[] = [...refusedHere, ...refusedThere];
