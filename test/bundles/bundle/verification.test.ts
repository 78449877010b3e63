import { describe, expect, test } from 'vitest';
import { type Verification, type VerificationQuestion, verifyAgainst } from '#bundles/bundle/verification.ts';
import { encodePem } from '#x509/pem.ts';
import { parseSpiffeId } from '#x509/spiffe-id.ts';
import { opensslVerify } from '../../oracle/openssl.ts';
import { type Issued, intermediate, leaf, now, root } from '../../x509/path/support/issued.ts';
import { day, start } from '../../x509/support/chain.ts';

const anchor = root();
const issuing = intermediate(anchor);
const web = leaf(issuing);
const stale = intermediate(anchor, { notAfter: now - 1 });
const former = root({ notAfter: now - 1 });
const ders = (list: readonly Issued[]): Buffer[] => list.map(({ der }) => der);
const pem = (list: readonly Issued[]): string =>
  ders(list)
    .map((der) => encodePem('CERTIFICATE', der))
    .join('');

interface Asked {
  readonly presented: readonly Issued[];
  readonly bundle?: readonly Issued[];
  readonly at?: number;
  readonly expected?: VerificationQuestion['expected'];
  readonly trustDomain?: string;
}

function verify({ presented, bundle = [anchor], at = now, expected, trustDomain }: Asked): Verification {
  return verifyAgainst({
    presented: ders(presented),
    bundle: { place: 'bundle', trustDomain, certificates: ders(bundle) },
    at,
    expected,
  });
}

const codes = ({ faults }: Verification): string[] => faults.map(({ code }) => code);

const cases: readonly [what: string, asked: Asked, codes: readonly string[]][] = [
  ['a good one', { presented: [web, issuing] }, []],
  ['a good one, among many roots', { presented: [web, issuing], bundle: [root(), anchor, root()] }, []],
  ['an expired leaf', { presented: [web, issuing], at: start + 31 * day }, ['PATH_EXPIRED']],
  ['a leaf before its time', { presented: [web, issuing], at: start - 1 }, ['PATH_NOT_YET_VALID']],
  ['an expired issuer', { presented: [leaf(stale), stale] }, ['PATH_EXPIRED']],
  ['an expired root', { presented: [leaf(former)], bundle: [former] }, ['PATH_EXPIRED']],
  [
    'a root of the same name and another key',
    { presented: [web, issuing], bundle: [root()] },
    ['PATH_SIGNATURE_INVALID'],
  ],
  ['another root', { presented: [web, issuing], bundle: [root({ name: 'other' })] }, ['PATH_ISSUER_UNKNOWN']],
  ['a missing intermediate', { presented: [web] }, ['PATH_ISSUER_UNKNOWN']],
  ['an intermediate in the bundle, with its root', { presented: [web], bundle: [anchor, issuing] }, []],
  ['an intermediate in place of its root', { presented: [web], bundle: [issuing] }, ['PATH_ISSUER_UNKNOWN']],
];

describe('the verdict is that of OpenSSL', () => {
  test.each(cases)('%s', (_what, asked, expected) => {
    const verification = verify(asked);
    const [end, ...others] = asked.presented;
    const openssl = opensslVerify({
      root: pem(asked.bundle ?? [anchor]),
      ...(others.length > 0 && { intermediates: pem(others) }),
      leaf: pem(end === undefined ? [] : [end]),
      at: asked.at ?? now,
    });
    expect(verification.valid).toBe(openssl.ok);
    expect(codes(verification)).toEqual(expected);
  });
});

describe('what is told', () => {
  test('of a good one: the chain and what it is for', () => {
    expect(verify({ presented: [web, issuing] })).toEqual({
      valid: true,
      place: 'bundle',
      at: new Date(now * 1000).toISOString().replace('.000', ''),
      purposes: ['serverAuth', 'clientAuth'],
      chain: [web, issuing, anchor].map(({ certificate }) =>
        expect.objectContaining({ sha256: certificate.sha256 }),
      ),
      faults: [],
      leftOut: [],
    });
    const [first] = verify({ presented: [web, issuing] }).chain;
    expect(first).toMatchObject({ subject: '', names: ['uri:spiffe://cluster.local/ns/default/sa/web'] });
  });

  test('of a bad one: why, what to do, and how far it got', () => {
    const { valid, purposes, chain, faults } = verify({
      presented: [web, issuing],
      bundle: [root({ name: 'x' })],
    });
    expect({ valid, purposes }).toEqual({ valid: false, purposes: [] });
    expect(chain.map(({ sha256 }) => sha256)).toEqual(
      [web, issuing].map(({ certificate }) => certificate.sha256),
    );
    expect(faults).toEqual([
      {
        code: 'PATH_ISSUER_UNKNOWN',
        message: expect.stringContaining('"CN=root"'),
        fix: expect.stringContaining('intermediate'),
      },
    ]);
  });

  test('a certificate that is none', () => {
    const broken = { ...web, der: web.der.subarray(0, 100) };
    expect(verify({ presented: [broken, issuing] })).toMatchObject({
      valid: false,
      chain: [],
      faults: [{ code: 'DER_TRUNCATED' }],
    });
    expect(verify({ presented: [web, broken, issuing], bundle: [broken, anchor] })).toMatchObject({
      valid: true,
      leftOut: [
        { from: 'bundle', code: 'DER_TRUNCATED' },
        { from: 'presented', code: 'DER_TRUNCATED' },
      ],
    });
  });
});

describe('purposes', () => {
  const client = leaf(issuing, { purposes: ['clientAuth'] });

  test('one of the two will do when no host is asked for', () => {
    expect(verify({ presented: [client, issuing] })).toMatchObject({
      valid: true,
      purposes: ['clientAuth'],
    });
  });

  test('a client is no host', () => {
    const named = leaf(issuing, { purposes: ['clientAuth'], names: [{ kind: 'dns', value: 'web.example' }] });
    const expected = { kind: 'dns', value: 'web.example' } as const;
    expect(codes(verify({ presented: [named, issuing], expected }))).toEqual(['PATH_PURPOSE']);
  });

  test('that it is for the other purpose is not why it fails', () => {
    expect(codes(verify({ presented: [client, issuing], at: start + 31 * day }))).toEqual(['PATH_EXPIRED']);
  });
});

describe('whom it names', () => {
  const host = leaf(issuing, { names: [{ kind: 'dns', value: '*.web.example' }] });

  test.each([
    ['a.web.example', []],
    ['a.b.web.example', ['PATH_NAME_MISMATCH']],
  ])('the host %s', (value, expected) => {
    const verification = verify({ presented: [host, issuing], expected: { kind: 'dns', value } });
    expect(codes(verification)).toEqual(expected);
    expect(verification.purposes).toEqual(expected.length === 0 ? ['serverAuth'] : []);
  });

  test.each([
    ['web', []],
    ['api', ['PATH_NAME_MISMATCH']],
  ])('the SPIFFE ID of %s', (account, expected) => {
    const id = parseSpiffeId(`spiffe://cluster.local/ns/default/sa/${account}`);
    expect(codes(verify({ presented: [web, issuing], expected: { kind: 'spiffe', id } }))).toEqual(expected);
  });

  test('a bundle of another trust domain vouches for nobody here', () => {
    expect(verify({ presented: [web, issuing], trustDomain: 'cluster.local' }).valid).toBe(true);
    const foreign = verify({ presented: [web, issuing], trustDomain: 'east.test' });
    expect(foreign).toMatchObject({ valid: false, purposes: [] });
    expect(codes(foreign)).toEqual(['VERIFY_TRUST_DOMAIN']);
    expect(codes(verify({ presented: [web], trustDomain: 'east.test' }))).toEqual([
      'PATH_ISSUER_UNKNOWN',
      'VERIFY_TRUST_DOMAIN',
    ]);
    expect(verify({ presented: [host, issuing], trustDomain: 'east.test' }).valid).toBe(true);
  });
});
