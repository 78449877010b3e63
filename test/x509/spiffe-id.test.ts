import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { X509Error } from '#x509/error.ts';
import { parseSpiffeId, parseTrustDomain, serviceAccountId } from '#x509/spiffe-id.ts';
import { refusalOf } from './support/refusal.ts';

const trustDomains = fc.stringMatching(/^[a-z0-9._-]{1,60}$/);
const segments = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter((text) => text !== '.' && text !== '..');

describe('SPIFFE ids', () => {
  test.each([
    ['spiffe://cluster.local', 'cluster.local', ''],
    ['spiffe://cluster.local/ns/default/sa/web', 'cluster.local', '/ns/default/sa/web'],
    ['spiffe://a_b-c.1/...', 'a_b-c.1', '/...'],
    ['spiffe://10.0.0.1/UPPER', '10.0.0.1', '/UPPER'],
  ])('%s', (uri, trustDomain, path) => {
    expect(parseSpiffeId(uri)).toEqual({ trustDomain, path, uri });
  });

  test('every id that is put together from valid parts is read as those parts', () => {
    fc.assert(
      fc.property(trustDomains, fc.array(segments, { maxLength: 5 }), (trustDomain, names) => {
        const path = names.map((name) => `/${name}`).join('');
        expect(parseSpiffeId(`spiffe://${trustDomain}${path}`)).toMatchObject({ trustDomain, path });
      }),
    );
  });

  test('any text: an id that is the text itself, or an X509Error', () => {
    const near = fc
      .array(fc.oneof(fc.constantFrom('spiffe://', '/', '.', '..', '%2e', 'a', '\0', 'A', ':'), fc.string()))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(near, (text) => {
        try {
          const id = parseSpiffeId(text);
          expect(`spiffe://${id.trustDomain}${id.path}`).toBe(text);
          expect(new URL(text).href).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(X509Error);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('at most 2048 bytes, and 255 of them for the trust domain', () => {
    const longest = `spiffe://td/${'a'.repeat(2048 - 12)}`;
    expect(parseSpiffeId(longest).uri).toBe(longest);
    expect(refusalOf(() => parseSpiffeId(`${longest}a`))).toBe('SPIFFE_ID_TOO_LONG');
    expect(parseTrustDomain('a'.repeat(255))).toHaveLength(255);
    expect(refusalOf(() => parseTrustDomain('a'.repeat(256)))).toBe('SPIFFE_TRUST_DOMAIN_INVALID');
  });

  test.each(['', 'A', 'a b', 'a/b', 'ü', 'a\n', 'a:1', 'a%2e', '*.a'])('no trust domain: %j', (text) => {
    expect(refusalOf(() => parseTrustDomain(text))).toBe('SPIFFE_TRUST_DOMAIN_INVALID');
  });

  test.each(['spiffe:/td', 'spiffe:td/a', 'https://td/a', ' spiffe://td', 'Spiffe://td', ''])(
    'no spiffe scheme: %j',
    (text) => {
      expect(refusalOf(() => parseSpiffeId(text))).toBe('SPIFFE_SCHEME_INVALID');
    },
  );

  test.each(['spiffe://td/a\n', 'spiffe://td/a#b', 'spiffe://td/ü', String.raw`spiffe://td/a\b`])(
    'a character that no path has: %j',
    (text) => {
      expect(refusalOf(() => parseSpiffeId(text))).toBe('SPIFFE_PATH_CHARACTER');
    },
  );
});

describe('the id of a service account', () => {
  const trustDomain = parseTrustDomain('cluster.local');

  test('has namespace and name in its path', () => {
    expect(serviceAccountId(trustDomain, 'default', 'web').uri).toBe(
      'spiffe://cluster.local/ns/default/sa/web',
    );
  });

  test('refuses a name that would add a segment or remove one', () => {
    expect(refusalOf(() => serviceAccountId(trustDomain, 'default', 'web/x'))).toBe('SPIFFE_PATH_CHARACTER');
    expect(refusalOf(() => serviceAccountId(trustDomain, 'a/b', 'web'))).toBe('SPIFFE_PATH_CHARACTER');
    expect(refusalOf(() => serviceAccountId(trustDomain, '..', 'web'))).toBe('SPIFFE_PATH_DOT_SEGMENT');
    expect(refusalOf(() => serviceAccountId(trustDomain, 'default', ''))).toBe('SPIFFE_PATH_EMPTY_SEGMENT');
  });
});
