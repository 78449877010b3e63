import { describe, expect, it } from 'vitest';
import { parseTrustBundleSpec, type TrustBundle, type TrustBundleStatus } from '#bundles/bundle/resource.ts';
import { fallbackOf, publishedTargets, standIn } from '#bundles/target/fallback.ts';

type RawSpec = TrustBundle['spec'];

const live = { clusterTrustBundle: { signerName: 'a.b/c' } };
const canary = { clusterTrustBundle: { signerName: 'a.b/c', channel: 'canary' as const } };
const own = { configMap: { namespaceSelector: {} } };
const name = 'mangrove-trust-east.test';
const told: TrustBundleStatus = { targets: [{ kind: 'configMap', name, fallback: true }], conditions: [] };

const spec = (targets: RawSpec['targets'], fallback?: RawSpec['fallback']) =>
  parseTrustBundleSpec({
    trustDomain: 'east.test',
    sources: [{ authority: { name: 'mesh' } }],
    targets,
    ...(fallback !== undefined && { fallback }),
  });

describe('the fallback', () => {
  it.each<[string, RawSpec['targets'], RawSpec['fallback'], boolean]>([
    ['of a live ClusterTrustBundle', [canary, live], undefined, true],
    ['of a canary alone is none', [canary], undefined, false],
    ['of a file alone is none', [{ file: { name: 'roots.pem' } }], { mode: 'Always' }, false],
    ['is none where nobody wants it', [live], { mode: 'Never' }, false],
    ['is none where a target of its name is', [live, own], { mode: 'Always' }, false],
    [
      'is not hindered by a Secret of its name',
      [live, { secret: { name, namespaceSelector: {} } }],
      undefined,
      true,
    ],
  ])('%s', (_title, targets, fallback, isThere) => {
    expect(fallbackOf(spec(targets, fallback)) !== undefined).toBe(isThere);
  });

  it('is a required ConfigMap with the usual key, where its selector says', () => {
    const namespaceSelector = { matchLabels: { a: 'b' } };
    expect(fallbackOf(spec([live], { namespaceSelector }))).toEqual({
      kind: 'configMap',
      name,
      required: true,
      spec: { namespaceSelector, keys: [{ key: 'ca.crt', format: 'pem' }], adopt: false },
      fallback: true,
    });
  });

  it.each<[string, RawSpec['fallback'], TrustBundleStatus | undefined, boolean]>([
    ['is published once the status tells of it', undefined, told, true],
    ['not before', undefined, { targets: [{ kind: 'secret', name }], conditions: [] }, false],
    [
      'not because of a ConfigMap of its name that somebody asked for and asks for no more',
      undefined,
      { targets: [{ kind: 'configMap', name }], conditions: [] },
      false,
    ],
    ['always, when somebody says so', { mode: 'Always' }, undefined, true],
    ['not any more, when somebody says Never', { mode: 'Never' }, told, false],
  ])('%s', (_title, fallback, status, isPublished) => {
    const kinds = publishedTargets(spec([live], fallback), status).map(({ kind }) => kind);
    expect(kinds).toEqual(isPublished ? ['clusterTrustBundle', 'configMap'] : ['clusterTrustBundle']);
  });
});

describe('what stands for ClusterTrustBundles', () => {
  it.each<[string, RawSpec['targets'], RawSpec['fallback'], boolean]>([
    ['is the fallback', [live], { mode: 'Always' }, true],
    ['is a target of its name', [live, own], undefined, true],
    ['is nothing that nobody waits for', [live, { ...own, required: false }], undefined, false],
    ['is not another ConfigMap', [live, { configMap: { ...own.configMap, name: 'x' } }], undefined, false],
    ['is nothing where somebody says Never', [live, own], { mode: 'Never' }, false],
  ])('%s', (_title, targets, fallback, isThere) => {
    const parsed = spec(targets, fallback);
    expect(standIn(parsed, publishedTargets(parsed, undefined))?.name).toBe(isThere ? name : undefined);
  });
});
