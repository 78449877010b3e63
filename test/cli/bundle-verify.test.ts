import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opensslVerify } from '../oracle/openssl.ts';
import { intermediate, leaf, now, root } from '../x509/path/support/issued.ts';
import { day } from '../x509/support/chain.ts';
import { type BundleScene, openBundleScene, pem } from './support/bundle-scene.ts';

const moment = (seconds: number): string => new Date(seconds * 1000).toISOString();

const names = [{ kind: 'uri', value: 'spiffe://east.test/ns/default/sa/web' }] as const;
const anchor = root();
const issuing = intermediate(anchor);
const web = leaf(issuing, { names });
const stranger = root({ name: 'a stranger' });

let scene: BundleScene;
beforeAll(async () => {
  scene = await openBundleScene();
  await scene.makeRoots('roots', { 'ca.crt': pem(anchor) });
  scene.write('web.pem', pem(web, issuing));
}, 120_000);
afterAll(() => scene.close());

describe('verify', () => {
  const place = () => `ConfigMap/${scene.mangrove.sources}/roots`;

  test.each([
    ['a good one', [web, issuing], [anchor], now, undefined],
    ['an expired one', [web, issuing], [anchor], now + 60 * day, 'PATH_EXPIRED'],
    ['under another root', [web, issuing], [stranger], now, 'PATH_ISSUER_UNKNOWN'],
    ['without its intermediate', [web], [anchor], now, 'PATH_ISSUER_UNKNOWN'],
  ])('%s: the verdict of OpenSSL, and why', async (_what, presented, trusted, at, fault) => {
    const name = `verify-${fault ?? 'good'}`.toLowerCase().replaceAll('_', '-');
    await scene.makeRoots(name, { 'roots.pem': pem(...trusted) });
    const [end, ...others] = presented;
    const openssl = opensslVerify({
      root: pem(...trusted),
      ...(others.length > 0 && { intermediates: pem(...others) }),
      leaf: pem(...(end === undefined ? [] : [end])),
      at,
    });
    expect(openssl.ok).toBe(fault === undefined);
    const bundlePlace = `ConfigMap/${scene.mangrove.sources}/${name}`;
    const args = ['verify', scene.write('leaf.pem', pem(...presented)), '--bundle', bundlePlace];
    const { code, value } = await scene.json([...args, '--at', moment(at)]);
    expect(code).toBe(openssl.ok ? 0 : 79);
    expect(value).toMatchObject({ valid: openssl.ok, faults: fault === undefined ? [] : [{ code: fault }] });
    const text = await scene.bundle([...args, '--at', moment(at)]);
    expect(text).toMatchObject({ code, stderr: '' });
    expect(text.stdout).toMatch(fault === undefined ? /^verifies for / : /^does not verify /);
    if (fault !== undefined) expect(text.stdout).toContain(`${fault}: `);
  });

  test('the names: a SPIFFE ID or a host', async () => {
    const args = ['verify', 'web.pem', '--bundle', place(), '--at', moment(now)];
    const id = 'spiffe://east.test/ns/default/sa/web';
    expect(await scene.json([...args, '--spiffe-id', id])).toMatchObject({ code: 0 });
    expect(await scene.json([...args, '--spiffe-id', `${id}2`])).toMatchObject({
      code: 79,
      value: { faults: [{ code: 'PATH_NAME_MISMATCH' }] },
    });
    expect(await scene.json([...args, '--hostname', 'web.example'])).toMatchObject({
      code: 79,
      value: { faults: [{ code: 'PATH_NAME_MISMATCH' }] },
    });
  });

  test('a TrustBundle is read from its targets and vouches for its own trust domain only', async () => {
    const args = ['verify', 'web.pem', '--at', moment(now)];
    for (const bundlePlace of [
      `TrustBundle/${scene.mangrove.trustDomain}`,
      `ClusterTrustBundle/${scene.targetName()}`,
    ]) {
      expect(await scene.json([...args, '--bundle', bundlePlace])).toMatchObject({
        code: 79,
        value: {
          place: bundlePlace,
          faults: [{ code: 'PATH_ISSUER_UNKNOWN' }, { code: 'VERIFY_TRUST_DOMAIN' }],
        },
      });
    }
  });

  test('the certificate from standard input, against a file', async () => {
    scene.write('anchor.pem', pem(anchor));
    const args = ['verify', '-', '--bundle', 'anchor.pem', '--at', moment(now)];
    expect(await scene.bundle(args, pem(web, issuing))).toMatchObject({ code: 0, stderr: '' });
  });

  test('a key in its file is refused and not shown', async () => {
    scene.write(
      'with-key.pem',
      `${pem(web)}-----BEGIN PRIVATE KEY-----\nbXkgc2VjcmV0IGtleQ==\n-----END PRIVATE KEY-----\n`,
    );
    const { code, stdout, stderr } = await scene.bundle(['verify', 'with-key.pem', '--bundle', place()]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('BUNDLE_PEM_INVALID: with-key.pem: ');
    expect(stderr).not.toContain('bXkg');
  });

  test.each([
    [['verify', 'web.pem']],
    [['verify', 'web.pem', '--bundle', 'TrustBundle/']],
    [['verify', 'web.pem', '--bundle', 'a', '--at', 'tomorrow']],
    [['verify', 'web.pem', '--bundle', 'a', '--at', '2026-13-01T00:00:00Z']],
    [['verify', 'web.pem', '--bundle', 'a', '--hostname', '10.0.0.1']],
    [['verify', 'web.pem', '--bundle', 'a', '--spiffe-id', 'https://web']],
    [['verify', 'web.pem', '--bundle', 'a', '--hostname', 'a.b', '--spiffe-id', 'spiffe://a/b']],
    [['verify', '-', '--bundle', '-']],
  ])('%j is a usage error', async (args) => {
    const { code, stdout, stderr } = await scene.bundle(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toBe('');
  });

  test('a TrustBundle without ClusterTrustBundles is read from a ConfigMap that it is published to', async () => {
    const { kubectl, trustDomain, sources } = scene.mangrove;
    const published = await scene.publishedPem();
    await kubectl(['delete', 'clustertrustbundle', scene.targetName()]);
    const name = `mangrove-trust-${trustDomain}`;
    await scene.makeRoots(name, { 'bundle.json': '{}', 'ca.crt': published });
    await kubectl(['label', 'configmap', name, '-n', sources, `mangrove.dev/trust-bundle=${trustDomain}`]);
    const status = { status: { targets: [{ kind: 'configMap', name }] } };
    const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify(status)];
    await kubectl(['patch', 'trustbundle', trustDomain, ...patch]);
    const args = ['verify', 'web.pem', '--at', moment(now), '--bundle', `TrustBundle/${trustDomain}`];
    expect(await scene.json(args)).toMatchObject({
      code: 79,
      value: { faults: [{ code: 'PATH_ISSUER_UNKNOWN' }, { code: 'VERIFY_TRUST_DOMAIN' }] },
    });
    await kubectl(['delete', 'configmap', name, '-n', sources]);
  });

  test('a TrustBundle whose targets are gone cannot be read, which is no verdict', async () => {
    const { code, stdout, stderr } = await scene.bundle([
      'verify',
      'web.pem',
      '--bundle',
      `TrustBundle/${scene.mangrove.trustDomain}`,
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('PLACE_INCOMPLETE');
  });
});
