import { describe, expect, test } from 'vitest';
import type { X509Code } from '#x509/error.ts';
import type { GeneralName } from '#x509/general-name.ts';
import { attributeOid } from '#x509/object-identifier.ts';
import { validatePath } from '#x509/path/validation.ts';
import { ascii, seq, TRUE, tlv } from '../support/der.ts';
import { extension } from '../support/request.ts';
import {
  constraints,
  directory,
  dns,
  email,
  network,
  otherName,
  type SubtreeLists,
  uri,
} from './support/constraints.ts';
import { commonName, intermediate, leaf, now, root, type Wanted } from './support/issued.ts';

/** Code of the refusal of a leaf under a root with these constraints; '' when it is accepted. */
function code(lists: SubtreeLists | Buffer, wanted: Wanted, between: Wanted = {}): X509Code | '' {
  const anchor = root({ extra: [Buffer.isBuffer(lists) ? lists : constraints(lists)] });
  const middle = intermediate(anchor, between);
  const answer = validatePath({
    leaf: leaf(middle, wanted).certificate,
    intermediates: [middle.certificate],
    anchors: [anchor.certificate],
    at: now,
    purpose: 'serverAuth',
  });
  return answer.valid ? '' : (answer.faults[0]?.code ?? expect.fail('no fault'));
}

const named = (kind: 'dns' | 'uri' | 'email', value: string): readonly GeneralName[] => [{ kind, value }];
const address = (hex: string): readonly GeneralName[] => [{ kind: 'ip', value: Buffer.from(hex, 'hex') }];

const NO = 'PATH_NAME_NOT_PERMITTED';
const OUT = 'PATH_NAME_EXCLUDED';
const ODD = 'PATH_NAME_UNREADABLE';

type Case = readonly [constraint: SubtreeLists, names: readonly GeneralName[], code: X509Code | ''];

const cases: Readonly<Record<string, readonly Case[]>> = {
  'DNS names': [
    [{ permitted: [dns('example.com')] }, named('dns', 'example.com'), ''],
    [{ permitted: [dns('Example.COM')] }, named('dns', 'a.b.EXAMPLE.com'), ''],
    [{ permitted: [dns('example.com')] }, named('dns', 'badexample.com'), NO],
    [{ permitted: [dns('example.com')] }, named('dns', 'com'), NO],
    [{ permitted: [dns('example.com'), dns('example.org')] }, named('dns', 'example.org'), ''],
    [{ permitted: [dns('')] }, named('dns', 'example.org'), ''],
    [{ excluded: [dns('')] }, named('dns', 'example.org'), OUT],
    [{ excluded: [dns('example.com')] }, named('dns', 'www.example.com'), OUT],
    [{ excluded: [dns('www.example.com')] }, named('dns', 'example.com'), ''],
    [
      { permitted: [dns('example.com')], excluded: [dns('a.example.com')] },
      named('dns', 'b.a.example.com'),
      OUT,
    ],
    [{ permitted: [dns('example.com')] }, named('dns', 'example.com.'), ODD],
    [{ permitted: [dns('example.com')] }, named('dns', 'a_b.example.com'), ODD],
    [{ excluded: [dns('example.com')] }, named('dns', 'a..example.com'), ODD],
    [{ excluded: [dns('example.com')] }, address('0a000001'), ''],
    [{ permitted: [dns('example.com')] }, address('0a000001'), ''],
  ],
  wildcards: [
    [{ permitted: [dns('example.com')] }, named('dns', '*.example.com'), ''],
    [{ permitted: [dns('foo.example.com')] }, named('dns', '*.example.com'), NO],
    [{ excluded: [dns('foo.example.com')] }, named('dns', '*.example.com'), OUT],
    [{ excluded: [dns('a.foo.example.com')] }, named('dns', '*.example.com'), ''],
    [{ excluded: [dns('example.com')] }, named('dns', '*.a.example.com'), OUT],
    [{ permitted: [dns('com')] }, named('dns', '*.com'), ODD],
    [{ permitted: [dns('example.com')] }, named('dns', 'a.*.example.com'), ODD],
  ],
  addresses: [
    [{ permitted: [network('0a000000ff000000')] }, address('0a010203'), ''],
    [{ permitted: [network('0a000000ff000000')] }, address('0b010203'), NO],
    [{ permitted: [network('0a0000fffffffff0')] }, address('0a0000f3'), ''],
    [{ excluded: [network('0000000000000000')] }, address('0b010203'), OUT],
    [{ excluded: [network('0000000000000000')] }, address(`${'00'.repeat(15)}01`), ''],
    [{ permitted: [network('0a000000ff000000')] }, address(`${'00'.repeat(15)}01`), NO],
    [
      { permitted: [network(`fd${'00'.repeat(15)}ff${'00'.repeat(15)}`)] },
      address(`fd${'01'.repeat(15)}`),
      '',
    ],
  ],
  URIs: [
    [{ permitted: [uri('cluster.local')] }, named('uri', 'spiffe://cluster.local/ns/a/sa/b'), ''],
    [{ permitted: [uri('cluster.local')] }, named('uri', 'spiffe://a.cluster.local/x'), NO],
    [{ permitted: [uri('.cluster.local')] }, named('uri', 'spiffe://a.cluster.local/x'), ''],
    [{ permitted: [uri('.cluster.local')] }, named('uri', 'spiffe://cluster.local/x'), NO],
    [{ permitted: [uri('trust_domain')] }, named('uri', 'spiffe://trust_domain/x'), ''],
    [{ excluded: [uri('cluster.local')] }, named('uri', 'https://user@cluster.local:443/x'), OUT],
    [{ permitted: [uri('cluster.local')] }, named('uri', 'https://evil.example?@cluster.local/'), NO],
    [{ permitted: [uri('cluster.local')] }, named('uri', 'urn:cluster.local'), ODD],
    [{ excluded: [uri('cluster.local')] }, named('uri', 'https://10.0.0.1/'), ODD],
    [{ excluded: [uri('cluster.local')] }, named('uri', 'https://[::1]/'), ODD],
  ],
  'e-mail addresses': [
    [{ permitted: [email('example.com')] }, named('email', 'a@Example.com'), ''],
    [{ permitted: [email('example.com')] }, named('email', 'a@b.example.com'), NO],
    [{ permitted: [email('.example.com')] }, named('email', 'a@b.example.com'), ''],
    [{ permitted: [email('a@example.com')] }, named('email', 'a@example.com'), ''],
    [{ permitted: [email('a@example.com')] }, named('email', 'A@example.com'), NO],
    [{ excluded: [email('example.com')] }, named('email', 'a@example.com'), OUT],
    [{ permitted: [email('example.com')] }, named('email', 'a@evil.org@example.com'), ODD],
    [{ excluded: [email('example.com')] }, named('email', 'example.com'), ODD],
  ],
};

describe.each(Object.entries(cases))('%s', (_, lines) => {
  test.each(lines)('%j holds %j: "%s"', (lists, names, expected) => {
    expect(code(lists, { names })).toBe(expected);
  });
});

const organization = { oid: attributeOid.organization, value: 'Mangrove' };
const joined = { ...commonName('web'), joined: true };

describe('directory names', () => {
  test('a subtree is the names that begin with it, by their bytes', () => {
    const permitted = [directory(organization)];
    expect(code({ permitted }, { name: [organization, commonName('web')] }, { name: [organization] })).toBe(
      '',
    );
    expect(code({ permitted }, { name: [commonName('web'), organization] }, { name: [organization] })).toBe(
      NO,
    );
    const otherCase = { ...organization, value: 'MANGROVE' };
    expect(code({ permitted }, { name: [otherCase] }, { name: [organization] })).toBe(NO);
  });

  test('a part of several attributes is one part', () => {
    const middle = { name: [organization] };
    const permitted = [directory(organization)];
    expect(code({ permitted }, { name: [organization, joined] }, middle)).toBe(NO);
    expect(
      code(
        { permitted: [...permitted, directory(organization, joined)] },
        { name: [organization, joined] },
        middle,
      ),
    ).toBe('');
  });

  test('an excluded name is excluded however it is spelled', () => {
    const excluded = [directory(organization)];
    for (const value of ['Mangrove', 'MANGROVE', ' mangrove  ', 'Ｍangrove'])
      expect(code({ excluded }, { name: [{ ...organization, value }] }), value).toBe(OUT);
    expect(code({ excluded }, { name: [{ ...organization, value: 'Mango' }] })).toBe('');
  });

  test('an intermediate is held to them, too, unless it is self-issued', () => {
    const permitted = [directory(commonName('root'))];
    expect(code({ permitted }, {}, { name: 'other' })).toBe(NO);
    expect(code({ permitted: [directory(commonName('other'))] }, {}, { name: 'root' })).toBe('');
    const names = named('dns', 'a.example.com');
    expect(code({ excluded: [dns('example.com')] }, {}, { names, namesCritical: false })).toBe(OUT);
  });

  test('as an alternative name', () => {
    const name: GeneralName = { kind: 'other', tag: 4, der: directory(organization) };
    expect(code({ excluded: [directory(organization)] }, { names: [name] })).toBe(OUT);
    expect(code({ excluded: [directory(commonName('x'))] }, { names: [name] })).toBe('');
  });
});

describe('other rules', () => {
  test('an e-mail address in the subject is held to the constraints on e-mail addresses', () => {
    const name = [{ oid: attributeOid.emailAddress, value: 'a@example.com' }];
    expect(code({ excluded: [email('example.com')] }, { name })).toBe(OUT);
    expect(code({ permitted: [email('example.com')] }, { name })).toBe('');
  });

  test('a name of a kind that is not looked into is refused where that kind is constrained', () => {
    const name: GeneralName = { kind: 'other', tag: 0, der: otherName };
    expect(code({ excluded: [otherName] }, { names: [name] })).toBe(ODD);
    expect(code({ excluded: [dns('example.com')] }, { names: [name] })).toBe('');
    expect(code({ excluded: [otherName] }, {})).toBe('');
  });

  test('they hold for the leaf even where it is self-issued, and whether critical or not', () => {
    const lists = { excluded: [uri('cluster.local')] };
    expect(code(lists, { name: 'root' }, { name: 'root' })).toBe(OUT);
    expect(code(constraints(lists, ''), {})).toBe(OUT);
  });

  test('those of several authorities hold together', () => {
    const inner = constraints({ permitted: [dns('a.example.com'), dns('example.org')] });
    const outer = { permitted: [dns('example.com')] };
    const middle = { extra: [inner] };
    expect(code(outer, { names: named('dns', 'x.a.example.com') }, middle)).toBe('');
    expect(code(outer, { names: named('dns', 'b.example.com') }, middle)).toBe(NO);
    expect(code(outer, { names: named('dns', 'example.org') }, middle)).toBe(NO);
  });
});

describe('constraints without a meaning are refused', () => {
  const bases: readonly (readonly [string, Buffer])[] = [
    ['a domain with a dot before it', dns('.example.com')],
    ['a wildcard', dns('*.example.com')],
    ['an address as a domain', dns('10.0.0.1')],
    ['a blank', dns('example com')],
    ['an address as a URI host', uri('10.0.0.1')],
    ['a whole URI', uri('spiffe://cluster.local')],
    ['a mailbox without a local part', email('@example.com')],
    ['a mailbox with two', email('a@b@example.com')],
    ['an address without mask', network('0a000001')],
    ['a mask with a hole', network('0a000000ff00ff00')],
    ['no general name', ascii(0x89, 'x')],
  ];
  test.each(bases)('%s', (_, base) => {
    expect(code({ permitted: [base] }, {})).toBe('NAME_CONSTRAINTS_INVALID');
    expect(code({ excluded: [base] }, {})).toBe('NAME_CONSTRAINTS_INVALID');
  });

  const raw = (value: Buffer): Buffer => extension('0603551d1e', value, TRUE);
  test('lists without subtrees, and numbers that RFC 5280 does not use', () => {
    expect(code(raw(seq()), {})).toBe('NAME_CONSTRAINTS_INVALID');
    expect(code({ permitted: [] }, {})).toBe('NAME_CONSTRAINTS_INVALID');
    expect(code({ permitted: [], excluded: [dns('example.com')] }, {})).toBe('NAME_CONSTRAINTS_INVALID');
    const many = Array.from({ length: 1025 }, () => dns('example.com'));
    expect(code({ excluded: many }, {})).toBe('NAME_CONSTRAINTS_INVALID');
    const minimum = raw(seq(tlv(0xa0, seq(dns('example.com'), '800101'))));
    expect(code(minimum, {})).toBe('DER_TRAILING_BYTES');
    expect(code(raw(Buffer.concat([seq(tlv(0xa0, seq(dns('a.b')))), seq()])), {})).toBe(
      'EXTENSION_TRAILING_BYTES',
    );
  });
});
