import { describe, expect, it } from 'vitest';
import { consentError, consentOf, restOf } from '#bundles/source/consent.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';

const [a, b, c] = ['a', 'b', 'c'].map((text) => fabricatedAnchor(text).sha256) as [string, string, string];
const colons = (b.match(/../g) ?? []).join(':').toUpperCase();
const consent = (text: string) => consentOf({ 'mangrove.dev/allow-removal': text });
const mistake = (text: string) => consentError(consent(text), (sha256) => sha256 !== c)?.message;

describe('the annotation', () => {
  it('names fingerprints in plain hex or as OpenSSL writes them', () => {
    expect(consent(`${a}, ${colons} ,${a},`)).toEqual({ fingerprints: [a, b], strange: [] });
    expect(consentOf({})).toEqual({ fingerprints: [], strange: [] });
    expect(consentOf()).toEqual({ fingerprints: [], strange: [] });
    expect(mistake(`${a}, ${colons}`)).toBeUndefined();
  });

  it('with a part that is none, or that names no root, is told which part that is', () => {
    expect(mistake(`${a},all`)).toBe(
      'mangrove.dev/allow-removal: "all" is no SHA-256 fingerprint, which has 64 hex digits',
    );
    expect(mistake(`${a.slice(1)},x`)).toBe(
      `mangrove.dev/allow-removal: "${a.slice(1, 21)}…", "x" are no SHA-256 fingerprint, which has 64 hex digits`,
    );
    expect(mistake(`${a},${c}`)).toBe(`mangrove.dev/allow-removal: ${c} is no root of this bundle`);
    expect(mistake(`?,${c}`)).toMatch(/"\?" is no SHA-256.*; [0-9a-f]{64} is no root of this bundle$/);
    expect(mistake(Array(30).fill('-----BEGIN PRIVATE KEY-----').join(','))).toMatch(/ and 22 more are no/);
    expect(mistake('-----BEGIN PRIVATE KEY-----secret')).not.toContain('secret');
  });

  it('loses what was used and keeps what named nothing', () => {
    expect(restOf(consent(`${a},all,${c}`), [a])).toBe(`${c},all`);
    expect(restOf(consent(a), [a])).toBeUndefined();
  });
});
