import { X509Certificate } from 'node:crypto';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../x509/path/support/issued.ts';
import { type BundleScene, openBundleScene, pem } from './support/bundle-scene.ts';

const anchor = root();
const stranger = root({ name: 'a stranger' });

let scene: BundleScene;
beforeAll(async () => {
  scene = await openBundleScene();
  await scene.makeRoots('roots', {
    'ca.crt': pem(anchor),
    'both.pem': pem(anchor, stranger),
    'key.pem': 'my secret key',
  });
}, 120_000);
afterAll(() => scene.close());

describe('show', () => {
  test('tells of a TrustBundle in words, JSON and YAML, all the same', async () => {
    const published = new X509Certificate(await scene.publishedPem());
    const fingerprint = published.fingerprint256.replaceAll(':', '').toLowerCase();
    const { code, value } = await scene.json(['show', scene.mangrove.trustDomain]);
    expect(code).toBe(0);
    expect(value).toEqual({
      trustBundles: [
        {
          name: scene.mangrove.trustDomain,
          trustDomain: scene.mangrove.trustDomain,
          outdated: false,
          ready: { status: 'True', reason: 'Published', message: expect.any(String) },
          hash: expect.stringMatching(/^[0-9a-f]{64}$/),
          roots: [
            expect.objectContaining({ sha256: fingerprint, source: `authority/${scene.mangrove.authority}` }),
          ],
          sources: [expect.objectContaining({ kind: 'authority', ageSeconds: expect.any(Number) })],
          targets: [expect.objectContaining({ kind: 'clusterTrustBundle', name: scene.targetName() })],
        },
      ],
    });
    const yaml = await scene.bundle(['show', scene.mangrove.trustDomain, '-o', 'yaml']);
    expect(ageless(load(yaml.stdout))).toEqual(ageless(value));
    const text = await scene.bundle(['show', scene.mangrove.trustDomain]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toContain(`TrustBundle ${scene.mangrove.trustDomain}\n`);
    expect(text.stdout).toMatch(
      new RegExp(`^${fingerprint.slice(0, 8)} .* authority/${scene.mangrove.authority} `, 'm'),
    );
    expect(text.stdout).toMatch(new RegExp(`^clusterTrustBundle/${scene.targetName()} `, 'm'));
  });

  test('of all TrustBundles, also where none is named', async () => {
    const { value } = await scene.json(['show']);
    expect(value).toMatchObject({
      trustBundles: expect.arrayContaining([expect.objectContaining({ name: scene.mangrove.trustDomain })]),
    });
  });

  test('whose specification changed since says that it is outdated', async () => {
    const { trustDomain, kubectl } = scene.mangrove;
    const change = JSON.stringify({ spec: { sources: [{ authority: { name: 'another' } }] } });
    expect((await scene.bundle(['show', trustDomain])).stdout).not.toContain('outdated');
    await kubectl(['patch', 'trustbundle', trustDomain, '--type=merge', '-p', change]);
    const { code, value } = await scene.json(['show', trustDomain]);
    expect({ code, value }).toMatchObject({ code: 0, value: { trustBundles: [{ outdated: true }] } });
    expect((await scene.bundle(['show', trustDomain])).stdout).toContain('outdated');
  });

  test('of one that is not there, it says so', async () => {
    const { code, stdout, stderr } = await scene.bundle(['show', 'nobody.test']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('KUBE_NOT_FOUND');
  });
});

/** Ages move between two calls. */
function ageless(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, part: unknown) => (key === 'ageSeconds' ? 0 : part)));
}

describe('diff', () => {
  test('the status of a TrustBundle, its target and a copy of it are alike', async () => {
    scene.write('copy.pem', `\n${(await scene.publishedPem()).replaceAll('\n', '\r\n')}\n`);
    const status = `TrustBundle/${scene.mangrove.trustDomain}`;
    for (const other of [`ClusterTrustBundle/${scene.targetName()}`, 'copy.pem']) {
      const { code, value } = await scene.json(['diff', status, other]);
      expect(code).toBe(0);
      expect(value).toMatchObject({ alike: true, common: 1, differences: [] });
    }
  });

  test('two keys of a ConfigMap, each root with its place, and exit code 79', async () => {
    const place = `ConfigMap/${scene.mangrove.sources}/roots`;
    const { code, value } = await scene.json(['diff', place, `${place}/both.pem`]);
    expect(code).toBe(79);
    expect(value).toMatchObject({
      alike: false,
      common: 1,
      differences: [
        {
          sha256: stranger.certificate.sha256,
          subject: 'CN=a stranger',
          in: `${place}/both.pem`,
          notIn: place,
        },
      ],
    });
    const text = await scene.bundle(['diff', place, `${place}/both.pem`]);
    expect(text).toMatchObject({ code: 79, stderr: '' });
    expect(text.stdout).toContain(`${stranger.certificate.sha256}\n  subject   CN=a stranger\n`);
    expect(text.stdout).toContain(`  has it    ${place}/both.pem\n  lacks it  ${place}\n`);
  });

  test('standard input against a file needs no cluster', async () => {
    const nowhere = ['--kubeconfig', '/nowhere'];
    scene.write('anchor.pem', pem(anchor));
    expect(await scene.bundle(['diff', '-', 'anchor.pem', ...nowhere], pem(anchor))).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(await scene.bundle(['diff', 'anchor.pem', '-', ...nowhere], pem(stranger))).toMatchObject({
      code: 79,
    });
  });

  test.each([
    [
      'a key that is no certificate',
      () => `ConfigMap/${scene.mangrove.sources}/roots/key.pem`,
      'BUNDLE_PEM_INVALID',
    ],
    ['a key that is not there', () => `ConfigMap/${scene.mangrove.sources}/roots/none`, 'PLACE_KEY_MISSING'],
    ['an object that is not there', () => 'ClusterTrustBundle/nobody', 'KUBE_NOT_FOUND'],
    ['a file that is not there', () => 'nothing.pem', 'PLACE_UNREADABLE'],
    ['a file without end', () => '/dev/zero', 'BUNDLE_PEM_INVALID'],
    ['what names no place', () => 'ConfigMap/kube-system', 'PLACE_SYNTAX'],
  ])('%s: a code and no data', async (_what, place, expected) => {
    const { code, stdout, stderr } = await scene.bundle(['diff', place(), 'other.pem']);
    expect(stdout).toBe('');
    expect(code).toBe(expected === 'PLACE_SYNTAX' ? 2 : 1);
    expect(stderr).toContain(expected);
    expect(stderr).not.toContain('secret');
  });

  test('without rights it says which are missing', async () => {
    scene.write('nobody.kubeconfig', await scene.kubeconfigOf('nobody'));
    const place = `ConfigMap/${scene.mangrove.sources}/roots`;
    const { code, stderr } = await scene.bundle(['diff', place, place, '--kubeconfig', 'nobody.kubeconfig']);
    expect(code).toBe(1);
    expect(stderr).toContain('KUBE_FORBIDDEN');
    expect(stderr).toContain('configmaps');
  });

  test('a context that is not there is named', async () => {
    const { code, stderr } = await scene.bundle(['show', '--context', 'elsewhere']);
    expect(code).toBe(1);
    expect(stderr).toContain('KUBE_CONFIG_INVALID');
    expect(stderr).toContain('elsewhere');
  });

  test('nor can both be standard input', async () => {
    expect(await scene.bundle(['diff', '-', '-'], '')).toMatchObject({ code: 2, stdout: '' });
  });
});

test.each([[[]], [['show']], [['diff']], [['verify']]])(
  'the help of bundle %j has an example',
  async (args) => {
    const { code, stdout } = await scene.bundle([...args, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Example:\n  mangrove bundle ');
  },
);
