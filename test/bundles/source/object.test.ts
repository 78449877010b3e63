import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  isSelected,
  type ObjectSelection,
  objectAnchors,
  type SourceObject,
} from '#bundles/source/object.ts';
import { errorMessage } from '#errors/error.ts';
import { makeRoot, pem } from '../support/roots.ts';

const corporate: ObjectSelection = {
  kind: 'ConfigMap',
  namespace: 'mangrove-trust',
  name: 'corporate',
  keys: ['ca.crt'],
};

let roots: readonly Buffer[];
let text: readonly string[];

beforeAll(async () => {
  roots = await Promise.all(Array.from({ length: 3 }, () => makeRoot()));
  text = roots.map((root) => pem(root));
});

const object = (data: Record<string, string | Buffer>, name = 'corporate'): SourceObject => ({
  name,
  labels: {},
  data: new Map(Object.entries(data)),
});

const give = (selection: Partial<ObjectSelection>, ...objects: SourceObject[]): Buffer[] =>
  objectAnchors({ ...corporate, ...selection }, objects).map(({ der }) => der);

function refusal(selection: Partial<ObjectSelection>, ...objects: SourceObject[]): unknown {
  try {
    return give(selection, ...objects);
  } catch (error) {
    return error;
  }
}

describe('the objects that are meant', () => {
  it('are one by its name, or those with the labels', () => {
    const named = { ...corporate, selector: undefined };
    expect(isSelected(named, { name: 'corporate', labels: {} })).toBe(true);
    expect(isSelected(named, { name: 'other', labels: {} })).toBe(false);
    const labelled = { ...corporate, name: undefined, selector: { matchLabels: { team: 'pki' } } };
    expect(isSelected(labelled, { name: 'any', labels: { team: 'pki' } })).toBe(true);
    expect(isSelected(labelled, { name: 'corporate', labels: {} })).toBe(false);
    expect(isSelected({ ...corporate, name: undefined }, { name: 'corporate', labels: {} })).toBe(false);
  });

  it('that are not there are named', () => {
    expect(refusal({})).toMatchObject({
      code: 'BUNDLE_SOURCE_NOT_FOUND',
      message: 'there is no ConfigMap corporate in namespace mangrove-trust',
    });
    expect(refusal({ name: undefined, selector: { matchLabels: { team: 'pki' } } })).toMatchObject({
      code: 'BUNDLE_SOURCE_NOT_FOUND',
      message: 'there is no ConfigMap with the labels team=pki in namespace mangrove-trust',
    });
  });

  it('may be several: all of their roots, and none when one of them is damaged', () => {
    const [a = '', b = ''] = text;
    expect(give({}, object({ 'ca.crt': b }, 'b'), object({ 'ca.crt': a }, 'a'))).toEqual(roots.slice(0, 2));
    expect(refusal({}, object({ 'ca.crt': a }, 'a'), object({ 'ca.crt': 'x' }, 'b'))).toMatchObject({
      code: 'BUNDLE_PEM_INVALID',
      message: expect.stringMatching(/^ConfigMap b, key ca.crt: /),
    });
    expect(refusal({}, object({ 'ca.crt': a }, 'a'), object({}, 'b'))).toMatchObject({
      code: 'BUNDLE_SOURCE_KEY_MISSING',
    });
  });
});

describe('keys', () => {
  it.each([
    [['ca.crt'], ['ca.crt']],
    [['*'], ['ca.crt', 'old.pem', 'root.pem']],
    [['*.pem'], ['old.pem', 'root.pem']],
    [['r*t.*m'], ['root.pem']],
    [
      ['old.pem', 'ca.crt', '*.crt'],
      ['ca.crt', 'old.pem'],
    ],
    [['*root.pem*'], ['root.pem']],
  ])('%j means %j', (keys, meant) => {
    const [a = '', b = '', c = ''] = text;
    const there: Record<string, string> = { 'ca.crt': a, 'old.pem': b, 'root.pem': c };
    expect(give({ keys }, object(there)).map((der) => pem(der))).toEqual(meant.map((key) => there[key]));
  });

  it.each([
    [['ca.pem']],
    [['CA.crt']],
    [['a.crt']],
    [['ca?crt']],
    [['ca.crt*ca.crt']],
    [['*.crt.*']],
    [['*a.crtt']],
  ])('%j means none, and the message says what there is', (keys) => {
    expect(refusal({ keys }, object({ 'ca.crt': text[0] ?? '', README: '' }))).toMatchObject({
      code: 'BUNDLE_SOURCE_KEY_MISSING',
      message: `ConfigMap corporate has no key ${keys[0]}; it has ca.crt, README`,
    });
  });

  it('that there are none of, or many of, are told in a line', () => {
    expect(refusal({}, object({}))).toMatchObject({
      message: 'ConfigMap corporate has no key ca.crt; it has none that could be one',
    });
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`k${index}`, '']));
    expect(refusal({}, object(many))).toMatchObject({
      message: expect.stringMatching(/it has k0, .*k7 and 2 more$/),
    });
  });

  it('with many stars are compared at once: a regular expression would never end', () => {
    const keys = [`${'*a'.repeat(126)}b`];
    expect(refusal({ keys }, object({ ['a'.repeat(253)]: '' }))).toMatchObject({
      code: 'BUNDLE_SOURCE_KEY_MISSING',
    });
  });
});

describe('text that is no list of roots', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const secret = 'correct horse battery staple';

  const bad: readonly [string, (texts: readonly string[]) => string | Buffer, RegExp][] = [
    [
      'a damaged block in the middle',
      ([a, b, c]) => `${a}${b?.replace(/\n..../, '\n!!!!')}${c}`,
      /line \d+ /,
    ],
    ['a block without its end', ([a, b]) => `${a}${b?.replace(/-----END.*/s, '')}`, /no end line/],
    ['a header', ([a]) => `${a?.replace('-----\n', `-----\nPassword: ${secret}\n\n`)}`, /has a header/],
    ['text between blocks', ([a, b]) => `${a}${secret}\n${b}`, /line \d+ is not the beginning/],
    ['a private key behind a root', ([a]) => `${a}${key}`, /is a PRIVATE KEY, not a CERTIFICATE/],
    ['a private key alone', () => key, /is a PRIVATE KEY, not a CERTIFICATE/],
    ['a password', () => secret, /not the beginning/],
    ['nothing', () => '', /has no CERTIFICATE block/],
    ['bytes that are no UTF-8', () => Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28]), /not the beginning/],
    [
      'a root with bytes that are no UTF-8 behind it',
      ([a]) => Buffer.concat([Buffer.from(a ?? ''), Buffer.from([0xc3, 0x28])]),
      /not the beginning/,
    ],
    ['a byte order mark', ([a]) => `\uFEFF${a}`, /line 1 is not the beginning/],
  ];

  it('is what has 1,048,577 bytes, and not what has 1,048,576', () => {
    const [a = ''] = text;
    expect(give({}, object({ 'ca.crt': a.padEnd(1_048_576, '\n') }))).toEqual(roots.slice(0, 1));
    expect(refusal({}, object({ 'ca.crt': a.padEnd(1_048_577, '\n') }))).toMatchObject({
      code: 'BUNDLE_PEM_INVALID',
      message: expect.stringContaining('has 1048577 bytes, more than 1048576'),
    });
  });

  it.each(bad)('%s is refused by the name of object and key, and not quoted', (_what, make, why) => {
    const content = make(text);
    const error = refusal({ kind: 'Secret' }, object({ 'ca.crt': content }));
    expect(error).toMatchObject({ code: 'BUNDLE_PEM_INVALID' });
    const message = errorMessage(error);
    expect(message).toMatch(/^Secret corporate, key ca\.crt: /);
    expect(message).toMatch(why);
    for (const line of String(content)
      .split('\n')
      .filter((one) => one.length > 8 && !one.startsWith('---'))) {
      expect(message).not.toContain(line.slice(0, 9));
    }
  });
});
