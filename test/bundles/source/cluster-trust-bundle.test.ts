import { beforeAll, describe, expect, it } from 'vitest';
import {
  type ClusterTrustBundleSelection,
  clusterTrustBundleAnchors,
  isMeant,
} from '#bundles/source/cluster-trust-bundle.ts';
import {
  type ClusterTrustBundleObject,
  OWNER_ANNOTATION,
  TRUST_DOMAIN_ANNOTATION,
} from '#bundles/target/cluster-trust-bundle.ts';
import { makeIntermediate, makeRoot, pem } from '../support/roots.ts';

const reader = { name: 'east.test', trustDomain: 'east.test', targets: ['example.com:mesh:east.test'] };

let root: Buffer;
beforeAll(async () => {
  root = await makeRoot();
});

function published(
  name: string,
  more: Partial<ClusterTrustBundleObject['metadata']> = {},
  signerName?: string,
): ClusterTrustBundleObject {
  const spec = { trustBundle: pem(root), ...(signerName !== undefined && { signerName }) };
  return { metadata: { name, ...more }, spec };
}

function give(selection: ClusterTrustBundleSelection, ...all: ClusterTrustBundleObject[]): Buffer[] {
  const meant = all.filter((object) => isMeant(selection, object));
  return clusterTrustBundleAnchors(selection, reader, meant).map(({ der }) => der);
}

const live = { matchLabels: { channel: 'live' } };

describe('ClusterTrustBundles of others', () => {
  it('are found by name', () => {
    expect(give({ name: 'corporate' }, published('other'), published('corporate'))).toEqual([root]);
  });

  it('are found by signer and labels, both', () => {
    const bySigner = { signerName: 'example.com/x', selector: live };
    const labels = { channel: 'live' };
    const meant = [
      published('example.com:x:a', { labels }, 'example.com/x'),
      published('example.com:x:b', { labels, uid: '1' }, 'example.com/x'),
    ];
    const others = [
      published('example.com:x:c', { labels: { channel: 'canary' } }, 'example.com/x'),
      published('example.com:y:a', { labels }, 'example.com/y'),
      published('unsigned', { labels }),
    ];
    expect(give(bySigner, ...meant, ...others)).toEqual([root, root]);
    expect(() => give(bySigner, ...others)).toThrow(
      expect.objectContaining({
        code: 'BUNDLE_SOURCE_NOT_FOUND',
        message: 'there is no ClusterTrustBundle of signer example.com/x with the labels channel=live',
      }),
    );
  });

  it.each([
    ['its own target', { annotations: { [OWNER_ANNOTATION]: 'east.test' } }, 'BUNDLE_SOURCE_OWN_TARGET'],
    [
      'a target of another trust domain',
      { annotations: { [OWNER_ANNOTATION]: 'west.test', [TRUST_DOMAIN_ANNOTATION]: 'west.test' } },
      'BUNDLE_SOURCE_TRUST_DOMAIN',
    ],
  ])('are not %s', (_what, metadata, code) => {
    expect(() => give({ name: 'x' }, published('x', metadata))).toThrow(expect.objectContaining({ code }));
  });

  it('are not its own target, whoever took the annotation away', () => {
    const name = 'example.com:mesh:east.test';
    expect(() => give({ name }, published(name, {}, 'example.com/mesh'))).toThrow(
      expect.objectContaining({ code: 'BUNDLE_SOURCE_OWN_TARGET' }),
    );
  });

  it('may be of the same trust domain and of somebody else', () => {
    const annotations = { [TRUST_DOMAIN_ANNOTATION]: 'east.test', [OWNER_ANNOTATION]: 'h-0123456789abcdef' };
    expect(give({ name: 'x' }, published('x', { annotations }))).toEqual([root]);
  });

  it.each([
    ['a damaged block, which the API server accepts', () => `${pem(root)}-----BEGIN CERTIFICATE-----\n!\n`],
    ['nothing', () => ''],
  ])('are refused by name with %s', (_what, text) => {
    const object = { ...published('corporate'), spec: { trustBundle: text() } };
    expect(() => give({ name: 'corporate' }, object)).toThrow(
      expect.objectContaining({
        code: 'BUNDLE_PEM_INVALID',
        message: expect.stringMatching(/^ClusterTrustBundle corporate: /),
      }),
    );
  });

  it('are refused with an intermediate, which the API server accepts, too', async () => {
    const spec = { trustBundle: pem(await makeIntermediate()) };
    expect(() => give({ name: 'x' }, { ...published('x'), spec })).toThrow(
      expect.objectContaining({ code: 'BUNDLE_ANCHOR_NOT_SELF_SIGNED' }),
    );
  });
});
