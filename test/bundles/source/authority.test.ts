import { describe, expect, it } from 'vitest';
import { type AuthorityAnchors, authorityAnchors } from '#bundles/source/authority.ts';
import { makeRoot } from '../support/roots.ts';

const read = (found: AuthorityAnchors) => authorityAnchors('mesh', 'east.test', found);
const known = (...anchors: Buffer[]) => ({ state: 'known', trustDomain: 'east.test', anchors }) as const;

describe('source of an authority', () => {
  it('gives all roots of the authority', async () => {
    const roots = [await makeRoot(), await makeRoot()];
    const anchors = read(known(...roots));
    expect(anchors.map((anchor) => anchor.der)).toEqual(roots);
  });

  it.each<[string, AuthorityAnchors]>([
    ['BUNDLE_SOURCE_NOT_FOUND', { state: 'absent' }],
    ['BUNDLE_SOURCE_PENDING', { state: 'pending', message: 'no root yet' }],
    ['BUNDLE_SOURCE_PENDING', known()],
    ['BUNDLE_SOURCE_TRUST_DOMAIN', { state: 'known', trustDomain: 'west.test', anchors: [] }],
    ['BUNDLE_ANCHOR_MALFORMED', known(Buffer.from('no certificate'))],
  ])('fails with %s', (code, found) => {
    expect(() => read(found)).toThrow(expect.objectContaining({ code }));
  });
});
