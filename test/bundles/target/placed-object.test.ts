import { describe, expect, it } from 'vitest';
import { parseAnchor } from '#bundles/bundle/anchor.ts';
import { makeBundle } from '#bundles/bundle/bundle.ts';
import {
  correctionOf,
  creationOf,
  type DesiredObject,
  desiredObject,
  differencesOf,
  isCreated,
  ownerLabel,
  type Pieces,
  withdrawalOf,
} from '#bundles/target/placed-object.ts';
import { render } from '#bundles/target/rendering.ts';
import { makeRoot } from '../support/roots.ts';

const bundle = makeBundle('east.test', [parseAnchor(await makeRoot(), 'root')]);
const spec = {
  namespaceSelector: {},
  keys: [{ key: 'ca.crt', format: 'pem' as const }],
  labels: { team: 'blue' },
  annotations: { note: 'x' },
  adopt: false,
};
const desired = (kind: 'configMap' | 'secret' = 'configMap', prunes = false): DesiredObject =>
  desiredObject({ kind, name: 'roots', spec }, render(bundle, spec.keys), { owner: 'east.test', prunes });
const parsed = (json: Pieces): unknown => JSON.parse(Buffer.concat(json).toString());

const labels = { team: 'blue', 'mangrove.dev/trust-bundle': 'east.test' };
const created = { ...labels, 'app.kubernetes.io/managed-by': 'mangrove' };
const annotations = {
  note: 'x',
  'mangrove.dev/trust-domain': 'east.test',
  'mangrove.dev/trust-bundle': 'east.test',
  'mangrove.dev/bundle-sha256': bundle.sha256,
  'mangrove.dev/keys': 'ca.crt',
};
const object = (more: { data?: Record<string, string>; labels?: object; annotations?: object } = {}) => ({
  metadata: { labels: { ...created, ...more.labels }, annotations: { ...annotations, ...more.annotations } },
  data: new Map(Object.entries(more.data ?? { 'ca.crt': bundle.pem })),
});

describe('an object to be created', () => {
  it('says whose it is, and that we made it', () => {
    expect(parsed(creationOf(desired(), 'app'))).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'roots', namespace: 'app', labels: created, annotations },
      data: { 'ca.crt': bundle.pem },
    });
  });

  it('of kind Secret has its data in base64', () => {
    expect(parsed(creationOf(desired('secret'), 'app'))).toMatchObject({
      kind: 'Secret',
      data: { 'ca.crt': Buffer.from(bundle.pem).toString('base64') },
    });
  });
});

describe('what differs', () => {
  it.each([
    ['nothing', object(), []],
    ['what others add', object({ data: { 'ca.crt': bundle.pem, other: 'x' }, labels: { more: 'y' } }), []],
    ['content', object({ data: { 'ca.crt': 'damaged' } }), ['key ca.crt']],
    ['a missing key', object({ data: {} }), ['key ca.crt']],
    ['a label', object({ labels: { team: 'red' } }), ['label team']],
    [
      'who manages it',
      object({ labels: { 'app.kubernetes.io/managed-by': 'Helm' } }),
      ['label app.kubernetes.io/managed-by'],
    ],
    ['an annotation', object({ annotations: { note: 'y' } }), ['annotation note']],
  ])('%s', (_what, found, words) => {
    expect(differencesOf(found, desired(), true).words).toEqual(words);
  });

  it('an adopted object keeps who manages it', () => {
    const adopted = object({ labels: { 'app.kubernetes.io/managed-by': 'Helm' } });
    expect(differencesOf(adopted, desired(), isCreated(adopted)).words).toEqual([]);
  });

  it('a key of ours that is named no more is stale, where keys are pruned', () => {
    const data = { 'ca.crt': bundle.pem, old: 'x', theirs: 'y' };
    const found = object({ data, annotations: { 'mangrove.dev/keys': 'ca.crt,old' } });
    expect(differencesOf(found, desired('configMap', true), true).stale).toEqual(['old']);
    expect(differencesOf(found, desired(), true).stale).toEqual([]);
  });
});

describe('a correction', () => {
  const basis = { uid: 'u', resourceVersion: '7' };
  const metadata = { ...basis, labels: created, annotations };

  it.each([
    ['content', { content: true, stale: [] }, { metadata, data: { 'ca.crt': bundle.pem } }],
    ['marks alone', { content: false, stale: [] }, { metadata }],
    ['a stale key', { content: false, stale: ['old'] }, { metadata, data: { old: null } }],
    ['both', { content: true, stale: ['old'] }, { metadata, data: { 'ca.crt': bundle.pem, old: null } }],
  ])('of %s touches nothing else, at the version that was read', (_what, found, patch) => {
    expect(parsed(correctionOf(desired(), basis, { ...found, created: true }))).toEqual(patch);
  });

  it('lends the bytes of the bundle to every write, and copies them for none', () => {
    const wish = desired();
    const found = { content: true, created: true };
    const writes = [
      creationOf(wish, 'app'),
      correctionOf(wish, basis, { ...found, stale: [] }),
      correctionOf(wish, basis, { ...found, stale: ['old'] }),
    ];
    for (const pieces of writes) {
      const { buffer, byteOffset } = wish.data;
      expect(
        pieces.filter((piece) => piece.buffer === buffer && piece.byteOffset === byteOffset),
      ).toHaveLength(1);
    }
  });

  it('of an adopted object does not say that we made it', () => {
    const patch = correctionOf(desired(), basis, { content: false, stale: [], created: false });
    expect(parsed(patch)).toEqual({ metadata: { ...metadata, labels } });
  });
});

describe('a withdrawal', () => {
  it('takes out our keys and marks and nothing else', () => {
    const { metadata } = object();
    const patch = withdrawalOf({ metadata: { ...metadata, uid: 'u', resourceVersion: '7' } });
    expect(parsed(patch)).toEqual({
      metadata: {
        uid: 'u',
        resourceVersion: '7',
        labels: { 'mangrove.dev/trust-bundle': null },
        annotations: {
          'mangrove.dev/trust-domain': null,
          'mangrove.dev/trust-bundle': null,
          'mangrove.dev/bundle-sha256': null,
          'mangrove.dev/keys': null,
        },
      },
      data: { 'ca.crt': null },
    });
  });
});

it('a name that is too long for a label stands there as a hash', () => {
  expect(ownerLabel('a'.repeat(63))).toBe('a'.repeat(63));
  expect(ownerLabel('a'.repeat(64))).toMatch(/^h-[0-9a-f]{16}$/);
  expect(ownerLabel('a'.repeat(64))).not.toBe(ownerLabel('b'.repeat(64)));
});
