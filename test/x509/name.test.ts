import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  authorityNameAttributes,
  emptyName,
  encodeName,
  formatName,
  type NameAttribute,
  parseName,
} from '#x509/name.ts';
import { attributeOid } from '#x509/object-identifier.ts';
import { parseTrustDomain } from '#x509/spiffe-id.ts';
import { sha256 } from './support/chain.ts';
import { ascii, OID, octets, seq, set, tlv } from './support/der.ts';
import { refusalOf } from './support/refusal.ts';

const commonName = (value: Buffer): Buffer => seq(set(seq(OID.commonName, value)));
const valueOf = (value: Buffer): string | undefined => parseName(commonName(value)).attributes[0]?.value;
const formatted = (value: string): string =>
  formatName(parseName(encodeName([{ oid: attributeOid.commonName, value }])));

describe('names', () => {
  const types = fc.constantFrom(
    attributeOid.commonName,
    attributeOid.organization,
    attributeOid.organizationalUnit,
    '1.2.3.4',
  );
  const text = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 20 })
    .filter((value) => !value.includes('\0'));
  const attributes = fc.array(fc.record({ oid: types, value: text }), { maxLength: 5 });

  test('what is encoded is read, any Unicode included', () => {
    fc.assert(
      fc.property(attributes, (list) => {
        const der = encodeName(list);
        const name = parseName(der);
        expect(name.der).toEqual(der);
        expect(name.attributes).toMatchObject(list.map((attribute) => ({ ...attribute, joined: false })));
      }),
    );
  });

  test('attributes that are joined stand in one part, sorted', () => {
    const list: NameAttribute[] = [
      { oid: attributeOid.organization, value: 'b' },
      { oid: attributeOid.commonName, value: 'a', joined: true },
      { oid: attributeOid.serialNumber, value: '1' },
    ];
    const name = parseName(encodeName(list));
    expect(name.attributes.map(({ joined }) => joined)).toEqual([false, true, false]);
    expect(formatName(name)).toBe('serialNumber=1,CN=a+O=b');
    const unsorted = set(seq(OID.organization, ascii(0x0c, 'b')), seq(OID.commonName, ascii(0x0c, 'a')));
    expect(refusalOf(() => parseName(seq(unsorted)))).toBe('DER_SET_ORDER');
  });

  test.each([
    ['UTF8String', tlv(0x0c, 'c3bc'), 'ü'],
    ['PrintableString', ascii(0x13, "a b'()+,-./:=?"), "a b'()+,-./:=?"],
    ['TeletexString', tlv(0x14, 'fc'), 'ü'],
    ['IA5String', ascii(0x16, 'a@b_c'), 'a@b_c'],
    ['NumericString', ascii(0x12, '12 3'), '12 3'],
    ['BMPString', tlv(0x1e, '00fc0041'), 'üA'],
    ['UniversalString', tlv(0x1c, '0001f600'), '😀'],
  ])('%s is read', (_, value, text) => {
    expect(valueOf(value)).toBe(text);
  });

  test.each([
    ['PrintableString with an at sign', ascii(0x13, 'a@b')],
    ['PrintableString with an asterisk', ascii(0x13, '*')],
    ['NumericString with a letter', ascii(0x12, '1a')],
    ['IA5String with a high bit', tlv(0x16, 'fc')],
    ['UTF8String overlong', tlv(0x0c, 'c0ae')],
    ['UTF8String with a surrogate', tlv(0x0c, 'eda080')],
    ['UTF8String cut off', tlv(0x0c, 'c3')],
    ['BMPString of an odd length', tlv(0x1e, '00fc00')],
    ['BMPString with a surrogate', tlv(0x1e, 'd83dde00')],
    ['UniversalString above Unicode', tlv(0x1c, '00110000')],
    ['an OCTET STRING', octets('aa')],
    ['an INTEGER', tlv(0x02, '01')],
    ['a VisibleString', ascii(0x1a, 'a')],
    ['a string of a context of its own', ascii(0x8c, 'a')],
    ['a constructed string', tlv(0x2c, ascii(0x0c, 'a'))],
    ['NUL in a TeletexString', tlv(0x14, '610062')],
    ['NUL in a BMPString', tlv(0x1e, '0000')],
  ])('%s is refused', (_, value) => {
    expect(refusalOf(() => valueOf(value))).toBe('NAME_STRING_INVALID');
  });

  test('trailing bytes are refused at every level', () => {
    expect(refusalOf(() => parseName(Buffer.concat([emptyName, Buffer.from([0])])))).toBe(
      'DER_TRAILING_BYTES',
    );
    const inner = seq(set(seq(OID.commonName, ascii(0x0c, 'a'), ascii(0x0c, 'b'))));
    expect(refusalOf(() => parseName(inner))).toBe('DER_TRAILING_BYTES');
  });
});

describe('RFC 4514 text', () => {
  test.each([
    ['a,b+c"d\\e<f>g;h', String.raw`CN=a\,b\+c\"d\\e\<f\>g\;h`],
    [' a ', String.raw`CN=\ a\ `],
    [' ', String.raw`CN=\ `],
    ['#a#', String.raw`CN=\#a#`],
    ['a\nb\u001b[31m', String.raw`CN=a\0ab\1b[31m`],
    ['a\u202eb', String.raw`CN=a\e2\80\aeb`],
    ['Lučić', 'CN=Lučić'],
  ])('%j', (value, text) => {
    expect(formatted(value)).toBe(text);
  });

  test('types without a short name are hexadecimal', () => {
    expect(formatName(parseName(encodeName([{ oid: '1.2.3.4', value: 'a' }])))).toBe('1.2.3.4=#0c0161');
  });

  test('the last part comes first; the empty name is empty', () => {
    const list = [
      { oid: attributeOid.country, value: 'DE' },
      { oid: attributeOid.organization, value: 'Mangrove' },
    ];
    expect(formatName(parseName(encodeName(list)))).toBe('O=Mangrove,C=DE');
    expect(formatName(parseName(emptyName))).toBe('');
  });
});

describe('the name of an authority', () => {
  const keyId = '00112233445566778899aabbccddeeff00112233';

  test('is its trust domain and the beginning of its key id', () => {
    const attributes = authorityNameAttributes(parseTrustDomain('cluster.local'), keyId);
    const name = parseName(encodeName(attributes));
    expect(formatName(name)).toBe('serialNumber=0011223344556677,CN=cluster.local');
    expect(name.attributes.map(({ der }) => der[0])).toEqual([0x0c, 0x13]);
  });

  test('has a hash where the trust domain is longer than a common name may be', () => {
    const commonNameOf = (text: string): string | undefined =>
      authorityNameAttributes(parseTrustDomain(text), keyId)[0]?.value;
    const longest = 'a'.repeat(64);
    expect(commonNameOf(longest)).toBe(longest);
    expect(commonNameOf(`${longest}a`)).toBe(`h-${sha256(Buffer.from(`${longest}a`)).slice(0, 16)}`);
  });
});
