import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blankLastApplied, cutData } from '#secret-data.ts';

const bytes = (json: string): Buffer => Buffer.from(json);
const cutKey = (json: Buffer): Buffer | undefined =>
  cutData(json, (name) => name === 'tls.key').get('tls.key');

describe('the key of a Secret', () => {
  test('is cut out of the JSON, and spaces are left', () => {
    const json = bytes('{"kind":"Secret","data":{"tls.crt":"Y3J0","tls.key":"a2V5"},"type":"t"}');
    expect(cutKey(json)?.toString()).toBe('a2V5');
    expect(json.toString()).toBe('{"kind":"Secret","data":{"tls.crt":"Y3J0","tls.key":"    "},"type":"t"}');
  });

  test.each([
    '{"metadata":{"labels":{"tls.key":"a2V5"}},"data":{}}',
    '{"metadata":{"tls.key":"a2V5"}}',
    '{"metadata":{"annotations":{"data":"{\\"tls.key\\":\\"a2V5\\"}"}}}',
    '{"metadata":{"annotations":{"x":"\\\\"}},"other":{"data":{"tls.key":"a2V5"}}}',
    '{"data":["tls.key","a2V5"]}',
    '{"data":{"nested":{"tls.key":"a2V5"}}}',
    '{"tls.key":"a2V5","data":"tls.key"}',
    '["data",{"tls.key":"a2V5"}]',
    '{"data":{"tls.key":null,"x":"a2V5"}}',
    '{"data":{"tls.key',
    '',
  ])('is not taken from anywhere else: %s', (text) => {
    const json = bytes(text);
    expect(cutKey(json)).toBeUndefined();
    expect(json.toString()).toBe(text);
  });

  test('that stands there twice is refused', () => {
    expect(() => cutKey(bytes('{"data":{"tls.key":"a2V5","tls.key":"b3R0"}}'))).toThrow(
      expect.objectContaining({ code: 'KUBE_RESPONSE_INVALID' }),
    );
  });

  test('is what JSON.parse would find, in any Secret and with any white space', () => {
    const base64 = fc.uint8Array({ maxLength: 60 }).map((value) => Buffer.from(value).toString('base64'));
    const map = fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('tls.key', 'data', '"', '\\')),
      fc.string(),
    );
    const secret = fc.record({
      metadata: fc.record({ labels: map, annotations: map, managedFields: fc.array(map) }),
      data: fc.record({ a: base64, 'tls.key': base64, z: base64 }, { requiredKeys: [] }),
      type: fc.string(),
    });
    fc.assert(
      fc.property(secret, fc.constantFrom('', ' ', '\t'), (object, indent) => {
        const json = bytes(JSON.stringify(object, undefined, indent));
        const key = object.data['tls.key'];
        expect(cutKey(json)?.toString()).toBe(key);
        const cut = key === undefined ? {} : { 'tls.key': ' '.repeat(key.length) };
        const rest = { ...object, data: { ...object.data, ...cut } };
        expect(json.toString()).toBe(JSON.stringify(rest, undefined, indent));
      }),
    );
  });
});

describe('what kubectl keeps of a Secret', () => {
  const name = 'kubectl.kubernetes.io/last-applied-configuration';
  const kept = JSON.stringify({ kind: 'Secret', data: { 'tls.key': 'a2V5' } });

  test('is wiped, and all else stays', () => {
    const annotations = { 'mangrove.dev/keys': 'ca.crt', [name]: kept, z: '"' };
    const json = bytes(JSON.stringify({ metadata: { annotations }, data: { x: 'eA==' } }));
    blankLastApplied(json);
    const object = JSON.parse(json.toString());
    expect(object.metadata.annotations[name].trim()).toBe('');
    expect(object).toMatchObject({
      metadata: { annotations: { 'mangrove.dev/keys': 'ca.crt', z: '"' } },
      data: { x: 'eA==' },
    });
  });

  test('is left where it is only spoken of', () => {
    const text = JSON.stringify({ metadata: { annotations: { x: `{"${name}":"text"}` } } });
    const json = bytes(text);
    blankLastApplied(json);
    expect(json.toString()).toBe(text);
  });
});
