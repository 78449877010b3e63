import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apply } from '../support/permissions.ts';
import { conditionOf, trustBundle } from '../support/publisher.ts';
import { makeRoot, rootExtensions, x509 } from '../support/roots.ts';
import { endOf, expectLeftAt, known, type OpenScene, openScene } from '../support/scene.ts';

let scene: OpenScene;

beforeAll(async () => {
  scene = await openScene('bundles-sources');
});

afterEach(() => scene.stopAll());

afterAll(() => scene.client.close());

describe('an authority that fails', () => {
  it.each([
    ['has no root any more', 'rootless', (domain: string) => known(domain), 'SourcePending'],
    ['is gone', 'gone', () => ({ state: 'absent' }) as const, 'SourceNotFound'],
    ['gives garbage', 'garbage', (domain: string) => known(domain, Buffer.from('garbage')), 'AnchorInvalid'],
    ['is of another trust domain', 'other', () => known('west.test'), 'TrustDomainMismatch'],
  ])('leaves the target as it is when it %s', async (_what, label, make, reason) => {
    const domain = `${label}.sources.test`;
    const publisher = scene.start(domain);
    await scene.given(publisher, domain);
    const before = await scene.published(domain);
    publisher.setAuthority(domain, make(domain));
    const bundle = await scene.untilCondition(domain, 'Ready', { status: 'False', reason });
    expect(conditionOf(bundle, 'Published')).toMatchObject({ status: 'True' });
    expect(bundle.status?.sources?.[0]?.lastGoodTime).toBeDefined();
    expect(await scene.published(domain)).toEqual(before);
  });

  it('stops no other source', async () => {
    const domain = 'two.sources.test';
    const publisher = scene.start(domain);
    const [old, next, other] = [await makeRoot(), await makeRoot(), await makeRoot()];
    publisher.setAuthority('a', known(domain, old));
    publisher.setAuthority('b', known(domain, other));
    await apply(scene.kubectl, trustBundle(domain, ['a', 'b']));
    await scene.untilPublished(domain, old, other);
    publisher.setAuthority('b', { state: 'absent' });
    publisher.setAuthority('a', known(domain, next));
    await scene.untilPublished(domain, next, other);
  });

  it('never had anything to publish: no object is made', async () => {
    const domain = 'never.sources.test';
    scene.start(domain);
    await apply(scene.kubectl, trustBundle(domain, ['nobody']));
    await scene.untilCondition(domain, 'Published', { status: 'False', reason: 'BundleEmpty' });
    await expect(scene.published(domain)).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });
  });
});

describe('a new process', () => {
  it('knows from status and target what a source gave that fails now', async () => {
    const domain = 'recalled.sources.test';
    const [first, lost, next] = [await makeRoot(), await makeRoot(), await makeRoot()];
    const before = scene.start(domain);
    before.setAuthority('a', known(domain, first));
    before.setAuthority('b', known(domain, lost));
    await apply(scene.kubectl, trustBundle(domain, ['a', 'b']));
    await scene.untilPublished(domain, first, lost);
    await scene.untilCondition(domain, 'Ready', { status: 'True' });
    await scene.stop(before);
    const after = scene.start(domain);
    after.setAuthority('a', known(domain, next));
    await scene.untilPublished(domain, next, lost);
    const bundle = await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'SourceNotFound' });
    expect(bundle.status?.anchors).toHaveLength(2);
  });

  it('takes nothing from a target for want of a source that it cannot recall', async () => {
    const domain = 'unrecalled.sources.test';
    const [first, lost] = [await makeRoot(), await makeRoot()];
    const before = scene.start(domain);
    before.setAuthority('a', known(domain, first));
    before.setAuthority('b', known(domain, lost));
    await apply(scene.kubectl, trustBundle(domain, ['a', 'b']));
    const target = await scene.untilPublished(domain, first, lost);
    await scene.untilCondition(domain, 'Ready', { status: 'True' });
    await scene.stop(before);
    const patch = ['patch', 'trustbundle', domain, '--subresource=status', '--type=merge', '-p'];
    await scene.kubectl([...patch, JSON.stringify({ status: { anchors: null } })]);
    const after = scene.start(domain);
    after.setAuthority('a', known(domain, first));
    await scene.untilCondition(domain, 'Published', { status: 'False', reason: 'SourcePending' });
    expect(await scene.published(domain)).toEqual(target);
    after.setAuthority('b', known(domain, lost));
    await scene.untilCondition(domain, 'Ready', { status: 'True' });
    expect(await scene.published(domain)).toEqual(target);
  });
});

describe('a root', () => {
  it('leaves the bundle when it expires, without any event from outside', async () => {
    const domain = 'expiring.sources.test';
    const publisher = scene.start(domain);
    const lasting = await makeRoot();
    const notAfter = new Date(Date.now() + 6_000);
    const expiring = await makeRoot({ notAfter });
    publisher.setAuthority(domain, known(domain, lasting, expiring));
    await apply(scene.kubectl, trustBundle(domain, [domain]));
    await scene.untilPublished(domain, lasting, expiring);
    expectLeftAt(endOf(notAfter), await scene.untilLeft(domain, expiring));
    await scene.untilPublished(domain, lasting);
    await scene.untilEvent(domain, 'AnchorExpired');
    const bundle = await scene.untilCondition(domain, 'Ready', { status: 'True' });
    expect(conditionOf(bundle, 'Ready')?.message).toContain('Left out because expired');
  });

  it('of every kind that we accept, the API server accepts too', async () => {
    const domain = 'kinds.sources.test';
    const publisher = scene.start(domain);
    const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]) };
    const algorithms = [
      ...['P-256', 'P-384', 'P-521'].map((namedCurve) => ({ name: 'ECDSA', namedCurve })),
      { name: 'Ed25519' },
      ...[2048, 3072, 4096].map((modulusLength) => ({ ...rsa, modulusLength })),
    ];
    const roots = await Promise.all(algorithms.map((algorithm) => makeRoot({ algorithm })));
    const sameKeyAgain = await makeRoot({ subject: 'CN=another name' });
    publisher.setAuthority(domain, known(domain, ...roots, sameKeyAgain));
    await apply(scene.kubectl, trustBundle(domain, [domain]));
    await scene.untilPublished(domain, ...roots, sameKeyAgain);
  });
});

describe('a large bundle', () => {
  /** Roots of about 60 kB each: 85 kB of PEM. */
  async function largeRoots(count: number): Promise<Buffer[]> {
    const filler = new x509.Extension('1.3.6.1.4.1.99999.1', false, new Uint8Array(60_000));
    return Promise.all(
      Array.from({ length: count }, () => makeRoot({ extensions: [...rootExtensions(), filler] })),
    );
  }

  it('is published up to the limit of the API server; beyond it the target keeps what it holds', async () => {
    const domain = 'large.sources.test';
    const publisher = scene.start(domain);
    const roots = await largeRoots(13);
    const fitting = roots.slice(0, 12);
    publisher.setAuthority(domain, known(domain, ...fitting));
    await apply(scene.kubectl, trustBundle(domain, [domain]));
    await scene.untilPublished(domain, ...fitting);
    publisher.setAuthority(domain, known(domain, ...roots));
    await scene.untilCondition(domain, 'Published', { status: 'False', reason: 'BundleTooLarge' });
    await scene.untilPublished(domain, ...fitting);
  });
});
