import { describe, expect, test } from 'vitest';
import { parsePlace, valueAt } from '#bundles/bundle/place.ts';

describe('a place', () => {
  test.each([
    ['TrustBundle/east.test', { kind: 'TrustBundle', name: 'east.test' }],
    ['ClusterTrustBundle/a.b:c:live', { kind: 'ClusterTrustBundle', name: 'a.b:c:live' }],
    ['ConfigMap/ns/roots', { kind: 'ConfigMap', namespace: 'ns', name: 'roots', key: undefined }],
    ['ConfigMap/ns/roots/a.pem', { kind: 'ConfigMap', namespace: 'ns', name: 'roots', key: 'a.pem' }],
    ['roots.pem', { kind: 'file', path: 'roots.pem' }],
    ['/etc/ssl/roots.pem', { kind: 'file', path: '/etc/ssl/roots.pem' }],
    ['./TrustBundle/east.test', { kind: 'file', path: './TrustBundle/east.test' }],
    ['-', { kind: 'stdin' }],
  ])('%s', (text, meant) => {
    expect(parsePlace(text)).toEqual({ ...meant, text });
  });

  test.each([
    '',
    'TrustBundle/',
    'TrustBundle/a/b',
    'ClusterTrustBundle/a/b',
    'ConfigMap/ns',
    'ConfigMap/ns/',
    'ConfigMap//roots',
    'ConfigMap/ns/roots/',
    'ConfigMap/ns/roots/key/more',
  ])('%j is none', (text) => {
    expect(() => parsePlace(text)).toThrow(expect.objectContaining({ code: 'PLACE_SYNTAX' }));
  });
});

describe('the value of a ConfigMap', () => {
  const where = 'ConfigMap/ns/roots';

  test('is that of the key, of ca.crt or of the only key', () => {
    const data = { 'ca.crt': 'usual', other: 'asked' };
    expect(valueAt(where, 'other', { data })).toBe('asked');
    expect(valueAt(where, undefined, { data })).toBe('usual');
    expect(valueAt(where, undefined, { data: { other: 'only' } })).toBe('only');
    expect(valueAt(where, undefined, { binaryData: { der: 'AQI=' } })).toEqual(Buffer.from([1, 2]));
  });

  test('is nothing that was not asked for', () => {
    const secret = 'a value that nobody needs to see';
    const data = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`key-${i}`, secret]));
    for (const key of [undefined, 'absent']) {
      expect(() => valueAt(where, key, { data })).toThrow(
        expect.objectContaining({
          code: 'PLACE_KEY_MISSING',
          message: `${where}: no key ${key ?? 'ca.crt'}; it has key-0, key-1, key-2, key-3, key-4, key-5, key-6, key-7 and 2 more`,
        }),
      );
    }
    expect(() => valueAt(where, 'absent', { data: { other: secret } })).toThrow(/it has other$/);
    expect(() => valueAt(where, undefined, {})).toThrow(/it has none$/);
  });
});
