import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Certificate, parseCertificate } from '#x509/certificate.ts';
import { pathLimits } from '#x509/path/budget.ts';
import type { ExpectedName } from '#x509/path/expected-name.ts';
import { type PathAnswer, type PathQuestion, validatePath } from '#x509/path/validation.ts';
import { parseSpiffeId } from '#x509/spiffe-id.ts';
import { newChain, newKey, start } from '../support/chain.ts';
import { OID, octets } from '../support/der.ts';
import { exampleId, extension } from '../support/request.ts';
import { constraints, dns } from './support/constraints.ts';
import { type Issued, intermediate, leaf, now, root } from './support/issued.ts';

type Asked = Partial<Omit<PathQuestion, 'leaf' | 'intermediates' | 'anchors'>>;

function validate(
  end: Issued,
  intermediates: readonly Issued[],
  anchors: readonly Issued[],
  asked: Asked = {},
): PathAnswer {
  const certificates = (list: readonly Issued[]): Certificate[] => list.map(({ certificate }) => certificate);
  return validatePath({
    leaf: end.certificate,
    intermediates: certificates(intermediates),
    anchors: certificates(anchors),
    at: now,
    purpose: 'serverAuth',
    ...asked,
  });
}

const codesOf = (answer: PathAnswer): readonly string[] =>
  answer.valid ? [] : answer.faults.map(({ code }) => code);

const serials = (chain: readonly Certificate[]): string[] =>
  chain.map(({ serial }) => serial.toString('hex'));

function expectChain(answer: PathAnswer, ...chain: readonly Issued[]): void {
  expect(codesOf(answer)).toEqual([]);
  expect(serials(answer.valid ? answer.chain : [])).toEqual(
    serials(chain.map(({ certificate }) => certificate)),
  );
}

/** Authorities under `anchor`, each below the one before it. */
function line(anchor: Issued, count: number): Issued[] {
  const authorities: Issued[] = [];
  for (let i = 0; i < count; i++)
    authorities.push(intermediate(authorities.at(-1) ?? anchor, { name: `intermediate ${i}` }));
  return authorities;
}

describe('chains are found', () => {
  test('in any order, with dross among them', () => {
    const anchor = root();
    const authorities = line(anchor, 3);
    const end = leaf(authorities.at(-1) ?? anchor);
    const dross = [root({ name: 'intermediate 1' }), ...line(root(), 2), end, anchor];
    fc.assert(
      fc.property(fc.shuffledSubarray([...authorities, ...dross], { minLength: 8, maxLength: 8 }), (sent) => {
        expectChain(validate(end, sent, [root(), anchor]), end, ...authorities.toReversed(), anchor);
      }),
      { numRuns: 20 },
    );
  });

  test('of what the product issues', () => {
    const made = newChain();
    const [end, issuing, anchor] = [made.leaf, made.issuing, made.root].map(parseCertificate);
    if (end === undefined || issuing === undefined || anchor === undefined) expect.fail('not read');
    const question = { leaf: end, intermediates: [issuing], anchors: [anchor], at: start };
    const names = [{ kind: 'spiffe', id: parseSpiffeId(exampleId) }] as const;
    for (const purpose of ['serverAuth', 'clientAuth'] as const)
      expect(codesOf(validatePath({ ...question, purpose, names }))).toEqual([]);
  });

  test('with keys of every algorithm', () => {
    for (const algorithm of ['ECDSA-P256', 'ECDSA-P384', 'ECDSA-P521', 'Ed25519', 'RSA-2048'] as const) {
      const anchor = root({ key: newKey(algorithm) });
      const middle = intermediate(anchor, { key: newKey(algorithm) });
      const end = leaf(middle);
      expectChain(validate(end, [middle], [anchor]), end, middle, anchor);
    }
  });

  test('past an anchor of the same name with another key, and one that is expired', () => {
    const [other, anchor] = [root(), root()];
    const expired = root({ key: anchor.key, notAfter: now - 1 });
    const end = leaf(anchor);
    expectChain(validate(end, [], [other, expired, anchor]), end, anchor);
  });

  test('across a cross-certificate, by a relying party that knows only the old root', () => {
    const [old, next] = [root({ name: 'old' }), root({ name: 'next' })];
    const cross = intermediate(old, { name: 'next', key: next.key });
    const issuing = intermediate(next, { name: 'issuing' });
    const end = leaf(issuing);
    expectChain(validate(end, [issuing, cross], [old]), end, issuing, cross, old);
    expectChain(validate(end, [issuing, cross], [old, next]), end, issuing, next);
  });

  test('past a twin of an intermediate whose own issuer constrains it away', () => {
    const [narrow, wide] = [
      root({ name: 'narrow', extra: [constraints({ permitted: [dns('example.org')] })] }),
      root({ name: 'wide' }),
    ];
    const key = newKey();
    const twins = [narrow, wide].map((anchor) => intermediate(anchor, { name: 'twin', key }));
    const names = [{ kind: 'dns', value: 'a.example.com' }] as const;
    const end = leaf(twins[0] ?? wide, { names });
    const answer = validate(end, twins, [narrow, wide]);
    expect(answer.valid && answer.chain.at(-1)).toBe(wide.certificate);
  });

  test('to an anchor that is itself an intermediate: what is trusted ends the chain', () => {
    const anchor = root();
    const middle = intermediate(anchor);
    const end = leaf(middle);
    expectChain(validate(end, [anchor], [middle]), end, middle);
  });
});

describe('chains are not found', () => {
  test('without an issuer, and the attempt shows how far it went', () => {
    const lower = intermediate(intermediate(root(), { name: 'upper' }), { name: 'lower' });
    const end = leaf(lower);
    const answer = validate(end, [lower], [root()]);
    expect(codesOf(answer)).toEqual(['PATH_ISSUER_UNKNOWN']);
    expect(answer.valid ? [] : serials(answer.attempt)).toEqual(
      serials([end.certificate, lower.certificate]),
    );
  });

  test('under an authority that is expired, and that is what is said, whatever else has its name', () => {
    const anchor = root({ notAfter: now - 1 });
    const expired = intermediate(root({ name: 'upper' }), {
      name: 'root',
      key: anchor.key,
      notAfter: now - 1,
    });
    const end = leaf(anchor);
    expect(codesOf(validate(end, [], [root(), anchor, root()]))).toEqual(['PATH_EXPIRED']);
    expect(codesOf(validate(end, [expired], [root(), root()]))).toEqual(['PATH_EXPIRED']);
  });

  test('under a root of the right name with another key', () => {
    expect(codesOf(validate(leaf(root()), [], [root()]))).toEqual(['PATH_SIGNATURE_INVALID']);
  });

  test('of a root that calls itself a leaf, or of nothing but itself', () => {
    const anchor = root();
    expect(codesOf(validate(anchor, [], [anchor]))).toContain('PATH_LEAF_IS_CA');
    const own = root({ ca: false, keyUsage: ['digitalSignature'], authorityKeyId: true });
    expect(validate(own, [own], [own]).valid).toBe(false);
  });

  test('in a circle', () => {
    const [keyA, keyB] = [newKey(), newKey()];
    const [a, b] = [root({ name: 'a', key: keyA }), root({ name: 'b', key: keyB })];
    const circle = [intermediate(a, { name: 'b', key: keyB }), intermediate(b, { name: 'a', key: keyA })];
    expect(codesOf(validate(leaf(b), circle, [root()]))).toEqual(['PATH_ISSUER_UNKNOWN']);
  });
});

describe('the budget', () => {
  test('a chain of six certificates, not seven', () => {
    const anchor = root();
    const authorities = line(anchor, 5);
    const sixth = leaf(authorities[3] ?? anchor);
    expect(validate(sixth, authorities, [anchor]).valid).toBe(true);
    const seventh = leaf(authorities[4] ?? anchor);
    expect(codesOf(validate(seventh, authorities, [anchor]))).toEqual(['PATH_TOO_LONG']);
    expect(validate(seventh, authorities, [anchor], { limits: { length: 7 } }).valid).toBe(true);
  });

  test('sixteen candidates of one name; an anchor is among them, whatever else is sent', () => {
    const anchor = root();
    const end = leaf(anchor);
    const impostors = Array.from({ length: 20 }, () =>
      intermediate(root({ name: 'other' }), { name: 'root' }),
    );
    expectChain(validate(end, impostors, [anchor]), end, anchor);
    const answer = validate(end, impostors, []);
    expect(codesOf(answer)).toEqual(['PATH_SIGNATURE_INVALID']);
    expect(answer.signatureChecks).toBe(pathLimits.candidates);
  });

  test('an anchor is not crowded out by candidates that show the very key id that is looked for', () => {
    const keyId = (hex: string): Buffer => extension(OID.subjectKeyId, octets(hex));
    const anchor = root({ subjectKeyId: false, extra: [keyId('aa')] });
    const wanted = keyId(anchor.key.publicKey.keyId);
    const claimants = Array.from({ length: 20 }, () =>
      intermediate(root({ name: 'other' }), { name: 'root', subjectKeyId: false, extra: [wanted] }),
    );
    const end = leaf(anchor);
    const answer = validate(end, claimants, [anchor]);
    expectChain(answer, end, anchor);
    expect(answer.signatureChecks).toBe(1);
  });

  test('the key id decides which candidate is tried first, and nothing else', () => {
    const anchor = root();
    const end = leaf(anchor);
    const others = Array.from({ length: 15 }, () => root());
    expect(validate(end, [], [...others, anchor]).signatureChecks).toBe(1);
  });

  test('32 signature checks, in a thicket of authorities that all sign each other', () => {
    const keys = Array.from({ length: 5 }, () => newKey());
    const nodes = keys.map((key, i) => root({ name: `node ${i}`, key }));
    const thicket = nodes.flatMap((issuer) =>
      nodes
        .filter((subject) => subject !== issuer)
        .flatMap((subject) =>
          [1, 2].map((n) =>
            intermediate(issuer, {
              name: subject.certificate.subject.attributes,
              key: subject.key,
              notAfter: now + n,
            }),
          ),
        ),
    );
    const answer = validate(leaf(nodes[0] ?? root()), thicket, [root({ name: 'far away' })]);
    expect(codesOf(answer)).toEqual(['PATH_BUDGET_EXHAUSTED']);
    expect(answer.signatureChecks).toBe(pathLimits.signatureChecks);
  });

  test('names times constraints', () => {
    const bases = Array.from({ length: 400 }, (_, i) => dns(`e${i}.example.org`));
    const anchor = root({ extra: [constraints({ excluded: bases })] });
    const names = Array.from(
      { length: 400 },
      (_, i) => ({ kind: 'dns', value: `n${i}.example.com` }) as const,
    );
    const answer = validate(leaf(anchor, { names }), [], [anchor]);
    expect(codesOf(answer)).toEqual(['PATH_BUDGET_EXHAUSTED']);
    expect(answer.signatureChecks).toBe(0);
    expect(validate(leaf(anchor, { names: names.slice(0, 100) }), [], [anchor]).valid).toBe(true);
  });

  test('a certificate that breaks a rule costs no signature check', () => {
    const anchor = root({ notAfter: now - 1 });
    expect(validate(leaf(anchor), [], [anchor]).signatureChecks).toBe(0);
  });
});

describe('expected names', () => {
  const anchor = root();
  const id = 'spiffe://cluster.local/ns/default/sa/web';
  const end = leaf(anchor, {
    names: [
      { kind: 'uri', value: id },
      { kind: 'dns', value: 'Web.example.com' },
      { kind: 'dns', value: '*.example.org' },
      { kind: 'dns', value: '*.net' },
      { kind: 'dns', value: 'a_b.example.com' },
      { kind: 'dns', value: '10.0.0.2' },
      { kind: 'ip', value: Buffer.from('0a000001', 'hex') },
      { kind: 'email', value: 'Web@Example.com' },
    ],
  });
  const spiffe = (uri: string): ExpectedName => ({ kind: 'spiffe', id: parseSpiffeId(uri) });
  const host = (value: string): ExpectedName => ({ kind: 'dns', value });
  const ip = (hex: string): ExpectedName => ({ kind: 'ip', value: Buffer.from(hex, 'hex') });
  const mail = (value: string): ExpectedName => ({ kind: 'email', value });

  const own = [
    spiffe(id),
    host('web.EXAMPLE.com'),
    host('x.example.org'),
    ip('0a000001'),
    mail('Web@example.COM'),
  ];
  const foreign = [
    spiffe(`${id}2`),
    spiffe('spiffe://cluster.local'),
    host('example.com'),
    host('x.y.example.org'),
    host('example.org'),
    host('*.example.org'),
    host('x.net'),
    host('a_b.example.com'),
    host('10.0.0.2'),
    ip('0a000002'),
    ip('00000000000000000000ffff0a000001'),
    mail('web@example.com'),
  ];
  test.each(own)('has %j', (name) => {
    expect(codesOf(validate(end, [], [anchor], { names: [name] }))).toEqual([]);
  });
  test.each(foreign)('has not %j', (name) => {
    expect(codesOf(validate(end, [], [anchor], { names: [name] }))).toEqual(['PATH_NAME_MISMATCH']);
  });
  test('all of them are wanted, not any', () => {
    expect(validate(end, [], [anchor], { names: own }).valid).toBe(true);
    expect(validate(end, [], [anchor], { names: [...own, host('example.com')] }).valid).toBe(false);
  });
  test('a leaf with two URIs has no SPIFFE id', () => {
    const names = [id, 'https://example.com/'].map((value) => ({ kind: 'uri', value }) as const);
    const answer = validate(leaf(anchor, { names }), [], [anchor], { names: [spiffe(id)] });
    expect(codesOf(answer)).toEqual(['PATH_NAME_MISMATCH']);
  });
  test('the common name is not a name', () => {
    const answer = validate(leaf(anchor, { name: 'web.example.com' }), [], [anchor], {
      names: [host('web.example.com')],
    });
    expect(codesOf(answer)).toEqual(['PATH_NAME_MISMATCH']);
  });
});
