import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeRoot, pem } from '../support/roots.ts';
import { type OpenScene, openScene, targetName } from '../support/scene.ts';

let scene: OpenScene;

beforeAll(async () => {
  scene = await openScene('bundles-verify');
});

afterEach(() => scene.stopAll());

afterAll(() => scene.client.close());

describe('evidence that an anchor is published', () => {
  it('is what every required target holds at this moment, whoever leads', async () => {
    const domain = 'evidence.verify.test';
    const publisher = scene.start(domain);
    const root = await scene.given(publisher, domain);
    const { status } = await scene.bundleOf(domain);
    const sha256 = status?.anchors?.[0]?.sha256 ?? '';
    publisher.leading = false;
    const verify = () => publisher.controller.verifyPublished(domain, sha256);
    const target = await scene.published(domain);
    const evidence = await verify();
    expect(evidence).toMatchObject({
      complete: true,
      targets: [
        {
          target: `ClusterTrustBundle/${targetName(domain)}`,
          published: true,
          hash: status?.hash,
          resourceVersion: target.metadata.resourceVersion,
        },
      ],
    });
    expect(Math.abs((evidence.targets[0]?.serverTime ?? 0) - Date.now() / 1000)).toBeLessThan(5);

    const name = targetName(domain);
    const channel = (value: string) =>
      scene.kubectl(['label', '--overwrite', 'clustertrustbundle', name, `mangrove.dev/channel=${value}`]);
    await channel('canary');
    expect(await verify()).toMatchObject({
      complete: false,
      targets: [{ error: { code: 'BUNDLE_TARGET_ALTERED' } }],
    });
    await channel('live');
    expect(await verify()).toMatchObject({ complete: true });

    const patch = ['patch', 'clustertrustbundle', name, '--type=merge', '-p'];
    const hold = (text: string) => scene.kubectl([...patch, JSON.stringify({ spec: { trustBundle: text } })]);
    await hold(pem(await makeRoot()));
    expect(await verify()).toMatchObject({ complete: false });
    await hold(`${pem(root)}-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n`);
    expect(await verify()).toMatchObject({ complete: false, targets: [{ hash: undefined }] });
    await scene.kubectl(['delete', 'clustertrustbundle', name]);
    expect(await verify()).toMatchObject({ complete: false, targets: [{ resourceVersion: undefined }] });
  });

  it('is not there for a trust domain without targets', async () => {
    const publisher = scene.start();
    expect(await publisher.controller.verifyPublished('nowhere.verify.test', 'ab')).toMatchObject({
      complete: false,
      targets: [],
    });
  });
});
