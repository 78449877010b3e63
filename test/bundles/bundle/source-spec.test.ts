import { expect, it } from 'vitest';
import { parseTrustBundleSpec } from '#bundles/bundle/resource.ts';
import { sourceKey } from '#bundles/bundle/source-spec.ts';

function keyOf(source: Record<string, unknown>) {
  const targets = [{ clusterTrustBundle: { signerName: 'example.com/mesh' } }];
  const [parsed] = parseTrustBundleSpec({ trustDomain: 'east.test', sources: [source], targets }).sources;
  if (parsed === undefined) throw new Error('no source');
  return sourceKey(parsed);
}

const selector = { matchLabels: { team: 'pki' } };

it.each([
  [{ authority: { name: 'mesh' } }, 'authority', 'mesh'],
  [{ configMap: { name: 'corporate' } }, 'configMap', 'corporate'],
  [{ configMap: { name: 'corporate', keys: ['*.pem', 'ca'] } }, 'configMap', 'corporate[*.pem,ca]'],
  [{ secret: { selector } }, 'secret', '(team=pki)'],
  [{ inline: { name: 'partner', pem: 'x' } }, 'inline', 'partner'],
  [{ file: { name: 'corporate' } }, 'file', 'corporate'],
  [{ clusterTrustBundle: { name: 'corporate' } }, 'clusterTrustBundle', 'corporate'],
  [
    { clusterTrustBundle: { signerName: 'example.com/x', selector } },
    'clusterTrustBundle',
    'example.com/x(team=pki)',
  ],
  [{ publicRoots: { from: 'mozilla' } }, 'publicRoots', 'mozilla'],
])('%j is called %s/%s', (source, kind, name) => {
  expect(keyOf(source)).toEqual({ kind, name });
});

it('a name that is too long for the status is cut, and is another one for another source', () => {
  const keys = Array.from(
    { length: 16 },
    (_, index) => `${String(index).padStart(2, '0')}${'k'.repeat(200)}`,
  );
  const one = keyOf({ configMap: { name: 'corporate', keys } });
  const other = keyOf({ configMap: { name: 'corporate', keys: [...keys.slice(0, 15), 'other'] } });
  expect(one.name.length).toBeLessThanOrEqual(512);
  expect(one.name).not.toBe(other.name);
  expect(one.name).toMatch(/^corporate\[00k+/);
});
