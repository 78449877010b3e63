import * as fc from 'fast-check';
import type { Certificate } from '#x509/certificate.ts';
import type { GeneralName } from '#x509/general-name.ts';
import type { PathPurpose } from '#x509/path/certificate-rules.ts';
import { day, newKey, type Subject, start } from '../../support/chain.ts';
import { NULL, seq, TRUE } from '../../support/der.ts';
import { extension } from '../../support/request.ts';
import { constraints, directory, dns, email, network, type SubtreeLists, uri } from './constraints.ts';
import { commonName, type Issued, intermediate, leaf, now, root, type Wanted } from './issued.ts';

/** A generated chain: how deep, and what is wrong or at least unusual in which of its certificates. */
export interface Plan {
  /** Intermediates. */
  readonly depth: number;
  readonly at: number;
  readonly purpose: PathPurpose;
  readonly names: readonly GeneralName[];
  readonly subject: boolean;
  readonly quirks: readonly { readonly where: number; readonly what: Quirk }[];
  readonly limits: readonly { readonly where: number; readonly lists: SubtreeLists }[];
}

export interface BuiltChain {
  readonly leaf: Issued;
  readonly intermediates: readonly Issued[];
  readonly anchors: readonly Issued[];
}

/** Certificates are alike in all but this. */
const quirks = {
  expired: { notBefore: start, notAfter: now - 1 },
  future: { notBefore: now + 1, notAfter: start + 30 * day },
  'not a CA': { ca: false },
  'no basic constraints': { ca: undefined },
  'a CA': { ca: true },
  'basic constraints not critical': { basicConstraintsCritical: false },
  'path length 0': { pathLength: 0 },
  'path length 1': { pathLength: 1 },
  'path length 2': { pathLength: 2 },
  'no keyCertSign': { keyUsage: ['digitalSignature', 'cRLSign'] },
  keyCertSign: { keyUsage: ['digitalSignature', 'keyCertSign'] },
  'no digitalSignature': { keyUsage: ['keyEncipherment'] },
  'no key usage': { keyUsage: undefined },
  'for clients': { purposes: ['clientAuth'] },
  'for servers': { purposes: ['serverAuth'] },
  'for code': { purposes: ['codeSigning'] },
  'for anything': { purposes: ['anyExtendedKeyUsage'] },
  'no purposes': { purposes: undefined },
  'unknown critical extension': { extra: [extension('06032a0304', seq(), TRUE)] },
  'unknown extension': { extra: [extension('06032a0304', NULL)] },
  'no subject key id': { subjectKeyId: false },
  'no authority key id': { authorityKeyId: false },
  'names not critical': { namesCritical: false },
} as const satisfies Readonly<Record<string, Wanted>>;

/** The last three change the chain, not what a certificate says. */
export type Quirk = keyof typeof quirks | 'self-issued' | 'other key' | 'absent' | 'only it is trusted';

const quirkNames: readonly Quirk[] = [
  ...(Object.keys(quirks) as (keyof typeof quirks)[]),
  'self-issued',
  'other key',
  'absent',
  'only it is trusted',
];

const address = (hex: string): GeneralName => ({ kind: 'ip', value: Buffer.from(hex, 'hex') });

const names: readonly GeneralName[] = [
  { kind: 'uri', value: 'spiffe://cluster.local/ns/a/sa/b' },
  { kind: 'uri', value: 'spiffe://a.cluster.local/ns/a/sa/b' },
  { kind: 'uri', value: 'https://10.0.0.1/' },
  { kind: 'dns', value: 'example.com' },
  { kind: 'dns', value: 'a.example.com' },
  { kind: 'dns', value: '*.example.com' },
  { kind: 'dns', value: 'badexample.com' },
  { kind: 'email', value: 'a@example.com' },
  { kind: 'email', value: 'a@b.example.com' },
  address('0a000001'),
  address('0b000001'),
  address(`fd${'00'.repeat(14)}01`),
];

const bases: readonly Buffer[] = [
  dns('example.com'),
  dns('a.example.com'),
  dns('EXAMPLE.com'),
  dns(''),
  uri('cluster.local'),
  uri('.cluster.local'),
  email('example.com'),
  email('.example.com'),
  email('a@example.com'),
  network('0a000000ff000000'),
  network('0000000000000000'),
  network(`fd${'00'.repeat(15)}ff${'00'.repeat(15)}`),
  directory(commonName('leaf')),
  directory(commonName('authority 1')),
];

const someBases = fc.uniqueArray(fc.constantFrom(...bases), { minLength: 1, maxLength: 3 });

export const plans: fc.Arbitrary<Plan> = fc.record({
  depth: fc.nat(5),
  at: fc.oneof(
    { weight: 8, arbitrary: fc.constant(now) },
    { weight: 1, arbitrary: fc.constantFrom(start - 1, start, start + 30 * day, start + 30 * day + 1) },
  ),
  purpose: fc.constantFrom<PathPurpose>('serverAuth', 'clientAuth'),
  names: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 }),
  subject: fc.boolean(),
  quirks: fc.array(fc.record({ where: fc.nat(6), what: fc.constantFrom(...quirkNames) }), { maxLength: 2 }),
  limits: fc.array(
    fc.record({
      where: fc.nat(5),
      lists: fc.oneof(
        fc.record({ permitted: someBases }),
        fc.record({ excluded: someBases }),
        fc.record({ permitted: someBases, excluded: someBases }),
      ),
    }),
    { maxLength: 1 },
  ),
});

const keys: Subject[] = [];
/** The n-th key of a pool: making them anew would be most of the work. */
function key(n: number): Subject {
  return (keys[n] ??= newKey());
}

/** Position 0 is the leaf, and the last one the root. */
export function build(plan: Plan): BuiltChain {
  const top = plan.depth + 1;
  const has = (where: number, what: Quirk): boolean =>
    plan.quirks.some((quirk) => quirk.what === what && quirk.where % (top + 1) === where);
  const line = [root({ ...wantedAt(plan, top), name: `authority ${top}`, key: key(top) })];
  for (let where = top - 1; where >= 0; where--) {
    const above = line.at(-1) ?? root();
    const issuer = has(where, 'other key') ? { ...above, key: key(top + 1) } : above;
    const name = has(where, 'self-issued') ? above.certificate.subject.attributes : undefined;
    line.push(where === 0 ? leafOf(plan, issuer, name) : authorityOf(plan, where, issuer, name));
  }
  const [anchor, ...below] = line;
  const trusted = line.filter((_, i) => i < top && has(top - i, 'only it is trusted'));
  return {
    leaf: below.at(-1) ?? root(),
    intermediates: [...below.slice(0, -1), ...(anchor === undefined ? [] : [anchor])].filter(
      ({ certificate }) =>
        !line.some((made, i) => made.certificate === certificate && has(top - i, 'absent')),
    ),
    anchors: trusted.length > 0 ? trusted : line.slice(0, 1),
  };
}

type SubjectName = Certificate['subject']['attributes'] | undefined;

function authorityOf(plan: Plan, where: number, issuer: Issued, name: SubjectName): Issued {
  return intermediate(issuer, {
    ...wantedAt(plan, where),
    name: name ?? `authority ${where}`,
    key: key(where),
  });
}

function leafOf(plan: Plan, issuer: Issued, name: SubjectName): Issued {
  const subject = name ?? (plan.subject ? [commonName('leaf')] : []);
  const namesCritical = subject.length === 0;
  return leaf(issuer, { names: plan.names, namesCritical, ...wantedAt(plan, 0), name: subject, key: key(0) });
}

function wantedAt(plan: Plan, where: number): Wanted {
  const top = plan.depth + 1;
  let wanted: Wanted = {};
  for (const quirk of plan.quirks) {
    const change = quirk.what in quirks ? quirks[quirk.what as keyof typeof quirks] : {};
    if (quirk.where % (top + 1) === where) wanted = { ...wanted, ...change };
  }
  const lists = plan.limits.find((limit) => limit.where % (top + 1) === where)?.lists;
  if (lists === undefined) return wanted;
  return { ...wanted, extra: [...(wanted.extra ?? []), constraints(lists)] };
}
