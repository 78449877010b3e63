import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Anchor } from '#bundles/bundle/anchor.ts';
import type { Bundle } from '#bundles/bundle/bundle.ts';
import { jwks } from '#bundles/format/jwks.ts';
import {
  anchorOf,
  bundleOf,
  documentOf,
  type Key,
  type KeySet,
  keyOf,
  spkiOfCertificate,
  spkiOfKey,
} from './jwk-set.ts';
import { keyTypes } from './key-types.ts';

const { encode, decode } = jwks;
let ec: Anchor;
let otherKey: Key;
let rsaKey: Key;
let bundle: Bundle;
let text: string;

beforeAll(async () => {
  ec = await anchorOf();
  otherKey = keyOf(await anchorOf());
  rsaKey = keyOf(await anchorOf(keyTypes['RSA-2048']));
  bundle = bundleOf(ec, await anchorOf(keyTypes['Ed25519']));
  text = encode(bundle);
});

const base64 = (der: Buffer): string => der.toString('base64');
const ofBundle = () => new Map(bundle.anchors.map(({ sha256, der }) => [sha256, der]));

describe('a text that is read', () => {
  it('is the same set in another order, with white space and another hint', () => {
    const { keys } = documentOf(bundle);
    const members = keys.map((key) => Object.fromEntries(Object.entries(key).toReversed()));
    const same = JSON.stringify({ spiffe_refresh_hint: 60, keys: members.toReversed() }, null, '\t');
    expect(decode(`\r\n ${same} \n`)).toEqual(ofBundle());
  });

  /** Another certificate is another set, which differs from the bundle; what else is altered leaves nothing to be read. */
  it('is nothing or another set with any byte of its keys altered, left out or doubled', () => {
    const ranges = bundle.anchors.map(({ der }) => {
      const start = text.indexOf(base64(der));
      return { start, end: start + base64(der).length };
    });
    const inCertificate = (at: number) => ranges.some(({ start, end }) => at >= start && at < end);
    for (let at = 0; at < text.indexOf('],"spiffe_refresh_hint"'); at += 1) {
      const byte = text[at] ?? '';
      for (const by of ['A', '"', '}', '\0', 'é', byte.toUpperCase(), byte.toLowerCase(), byte + byte, '']) {
        if (by === byte) continue;
        const read = decode(text.slice(0, at) + by + text.slice(at + 1));
        if (!inCertificate(at)) expect(read, `byte ${at}, ${byte}, altered to ${by}`).toBeUndefined();
        expect(read).not.toEqual(ofBundle());
      }
    }
  });

  it('has the keys of its certificates after any damage', () => {
    const insert = fc.oneof(
      fc.string({ maxLength: 3 }),
      fc.constantFrom('', ' ', '\n', '9', '[', '{}', '"x":1,', 'é', '\u{feff}'),
    );
    const change = fc.record({ at: fc.nat(text.length - 1), remove: fc.nat(3), insert });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const damaged = changes.reduce(
          (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove),
          text,
        );
        const read = decode(damaged);
        if (read === undefined) return;
        const { keys } = JSON.parse(damaged) as KeySet;
        expect(keys.map(spkiOfKey)).toEqual([...read.values()].map(spkiOfCertificate));
      }),
      { numRuns: 3000 },
    );
  });

  it('has at most 1048576 bytes', () => {
    expect(decode(text.padEnd(1_048_576))).toEqual(ofBundle());
    expect(decode(text.padEnd(1_048_577))).toBeUndefined();
  });

  it('may be as deep as it likes and is nothing then', () => {
    const deep = `${'['.repeat(400_000)}${']'.repeat(400_000)}`;
    const deepObject = `${'{"keys":'.repeat(100_000)}0${'}'.repeat(100_000)}`;
    expect(decode(deep)).toBeUndefined();
    expect(decode(deepObject)).toBeUndefined();
    expect(decode(text.replace('"use"', () => `"deep":${deep},"use"`))).toBeUndefined();
    expect(decode(text.replace('"x509-svid"', () => deepObject))).toBeUndefined();
    expect(decode(text.replace('"x5c":[', () => `"x5c":[${deep},`))).toBeUndefined();
    expect(decode(text.replace('300', () => deep))).toBeUndefined();
  });
});

/** A document with its EC key changed; a member that is undefined is not in its text. */
const ecKey =
  (change: (key: Key) => unknown) =>
  (document: KeySet): unknown => ({
    ...document,
    keys: document.keys.map((key) => (key['kty'] === 'EC' ? change(key) : key)),
  });
const member = (name: string, value: (key: Key) => unknown) =>
  ecKey((key) => ({ ...key, [name]: value(key) }));
const x5c = (...values: ((der: Buffer) => unknown)[]) =>
  member('x5c', () => values.map((value) => value(ec.der)));
const moreKeys = (key: () => unknown) => (document: KeySet) => ({
  ...document,
  keys: [...document.keys, key()],
});
const zeroInFront = (number: unknown): string =>
  Buffer.concat([Buffer.alloc(1), Buffer.from(String(number), 'base64url')]).toString('base64url');

describe('a document is nothing with', () => {
  const faults: Record<string, (document: KeySet) => unknown> = {
    'no list of keys': (document) => ({ ...document, keys: undefined }),
    'no key': (document) => ({ ...document, keys: [] }),
    'keys that are no list': ({ keys: [one, two], ...rest }) => ({ ...rest, keys: { 0: one, 1: two } }),
    'a key that is null': moreKeys(() => null),
    'a key that is a text': moreKeys(() => 'x5c'),
    'a key twice': moreKeys(() => keyOf(ec)),
    'no hint': ({ keys }) => ({ keys }),
    'a hint of 0': (document) => ({ ...document, spiffe_refresh_hint: 0 }),
    'a hint that is a text': (document) => ({ ...document, spiffe_refresh_hint: '300' }),
    'a hint with a fraction': (document) => ({ ...document, spiffe_refresh_hint: 0.5 }),
    'a hint that no double holds': (document) => ({ ...document, spiffe_refresh_hint: 2 ** 53 }),
    'a sequence': (document) => ({ ...document, spiffe_sequence: 1 }),
    'nothing but its keys': ({ keys }) => keys,
    'no use': member('use', () => undefined),
    'a use for tokens': member('use', () => 'jwt-svid'),
    'a use that SPIFFE does not know': member('use', () => 'sig'),
    'a use in capitals': member('use', () => 'X509-SVID'),
    'a key id': member('kid', () => 'one'),
    'a private key': member('d', () => 'AAAA'),
    'no key type': member('kty', () => undefined),
    'another key type': member('kty', () => 'OKP'),
    'another curve': member('crv', () => 'P-384'),
    'no coordinate': member('y', () => undefined),
    'a coordinate of another key': member('x', () => otherKey['x']),
    'a coordinate with padding': member('x', ({ x }) => `${String(x)}=`),
    'a coordinate with a zero in front': member('x', ({ x }) => zeroInFront(x)),
    'the key of another certificate': ecKey(({ x5c }) => ({ ...otherKey, x5c })),
    'the certificate of another key': member('x5c', () => otherKey['x5c']),
    'an exponent of 3': moreKeys(() => ({ ...rsaKey, e: 'Aw' })),
    'a modulus with a sign octet': moreKeys(() => ({ ...rsaKey, n: zeroInFront(rsaKey['n']) })),
    'no list of certificates': member('x5c', () => undefined),
    'no certificate': x5c(),
    'a certificate twice': x5c(base64, base64),
    'something behind the certificate': x5c(base64, () => null),
    'a certificate without a list': member('x5c', () => base64(ec.der)),
    'a certificate that is no text': x5c((der) => [...der]),
    'a certificate in a list of its own': x5c((der) => [base64(der)]),
    'a certificate of no byte': x5c(() => ''),
    'a certificate with a byte behind it': x5c((der) => base64(Buffer.concat([der, Buffer.alloc(1)]))),
    'a certificate in lines': x5c((der) => base64(der).replace(/.{64}/g, '$&\n')),
    'a certificate in base64url': x5c((der) => der.toString('base64url')),
    'a certificate in armour': x5c((der) => `-----BEGIN CERTIFICATE-----${base64(der)}`),
  };

  it.each(Object.entries(faults))('%s', (_what, change) => {
    const document = documentOf(bundle);
    expect(decode(JSON.stringify(moreKeys(() => rsaKey)(document)))?.size).toBe(3);
    expect(decode(JSON.stringify(change(document)))).toBeUndefined();
  });

  it.each([1, 2])('a certificate whose base64 ends otherwise: %i characters of padding', async (padding) => {
    const anchor = await anchorWhose(({ der }) => der.length % 3 === 3 - padding);
    const document = documentOf(bundleOf(anchor));
    const whole = base64(anchor.der);
    const last = whole.length - padding - 1;
    // The bits that padding leaves over are zero: of A, B and so on only one spells the certificate.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const next = alphabet[alphabet.indexOf(whole[last] ?? '') + 1] ?? expect.fail('no next');
    const spellings = [
      whole.slice(0, -padding),
      `${whole.slice(0, last)}${next}${'='.repeat(padding)}`,
      `${whole}=`,
    ];
    expect(decode(JSON.stringify(document))?.size).toBe(1);
    for (const spelling of spellings) {
      expect(Buffer.from(spelling, 'base64')).toEqual(anchor.der);
      const respelt = { ...document, keys: document.keys.map((key) => ({ ...key, x5c: [spelling] })) };
      expect(decode(JSON.stringify(respelt))).toBeUndefined();
    }
  });
});

async function anchorWhose(holds: (anchor: Anchor) => boolean): Promise<Anchor> {
  for (;;) {
    const anchor = await anchorOf();
    if (holds(anchor)) return anchor;
  }
}

describe('a text is nothing with', () => {
  const spellings: Record<string, (text: string) => string> = {
    'two lists of keys': (text) => text.replace('{"keys":', '{"keys":[],"keys":'),
    'the same list of keys twice': (text) => text.replace(/"keys":\[.*\],/, '$&$&'),
    'two hints': (text) => text.replace(',"spiffe', ',"spiffe_refresh_hint":9,"spiffe'),
    'two types of a key': (text) => text.replace('"kty":"EC"', '"kty":"RSA","kty":"EC"'),
    'two certificates of a key': (text) => text.replace('"x5c":', '"x5c":["AAAA"],"x5c":'),
    'a member __proto__': (text) => text.replace('"kty":"EC"', '"__proto__":{},"kty":"EC"'),
    'another prototype': (text) => `{"__proto__":${text}}`,
    'a name in escapes': (text) => text.replace('"use"', '"us\\u0065"'),
    'a value in escapes': (text) => text.replace('"EC"', '"E\\u0043"'),
    'a fraction of zero': (text) => text.replace('300', '300.0'),
    'an exponent': (text) => text.replace('300', '3e2'),
    'a blank in a name': (text) => text.replace('"use"', '"use "'),
    'a comma too many': (text) => text.replace('],"spiffe', ',],"spiffe'),
    'a comment': (text) => `${text}// the roots of east.test\n`,
    'a byte order mark': (text) => `\u{feff}${text}`,
    'white space that JSON does not know': (text) => `${text}\u{a0}`,
    'another document behind it': (text) => text + text,
    'a list around it': (text) => `[${text}]`,
  };

  it.each(Object.entries(spellings))('%s', (_what, respell) => {
    expect(respell(text)).not.toBe(text);
    expect(decode(text)).toEqual(ofBundle());
    expect(decode(respell(text))).toBeUndefined();
  });
});
