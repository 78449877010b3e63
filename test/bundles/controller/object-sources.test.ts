import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordingLog } from '../../kube/lab.ts';
import { apply, roleBinding, sourcesRole } from '../support/permissions.ts';
import { conditionOf, eventually, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { endOf, expectLeftAt, known, type OpenScene, openScene } from '../support/scene.ts';
import { privateKeyPem, rootPem, type Sources, sourcesOf } from '../support/sources.ts';

let scene: OpenScene;
let sources: Sources;

beforeAll(async () => {
  scene = await openScene('object-sources');
  sources = sourcesOf(scene);
});

afterAll(() => scene.client.close());

const untilReady = (domain: string) => scene.untilCondition(domain, 'Ready', { status: 'True' });
const untilNot = (domain: string, reason: string) =>
  scene.untilCondition(domain, 'Ready', { status: 'False', reason });

/** The rights to the namespace of sources. */
const account = { namespace: 'object-sources' };
const binding = () => roleBinding(sourcesRole, scene.sources, account);
const take = () => sources.remove('rolebinding', binding().metadata.name);
const giveBack = () => apply(scene.kubectl, binding());

describe('a selector', () => {
  it('finds none in an empty namespace, then one, then two, then one', async () => {
    const domain = 'selector.objects.test';
    await take();
    const publisher = sources.start(domain);
    const source = { configMap: { selector: { matchLabels: { team: 'pki' } } } };
    const own = await sources.beside(publisher, domain, source);
    // An empty list has no object that could tell of it.
    try {
      await untilNot(domain, 'SourcePending');
    } finally {
      await giveBack();
    }
    const bundle = await untilNot(domain, 'SourceNotFound');
    expect(conditionOf(bundle, 'Ready')?.message).toContain(
      `there is no ConfigMap with the labels team=pki in namespace ${scene.sources}`,
    );
    const [[one, onePem], [two, twoPem]] = [await rootPem(), await rootPem()];
    await sources.configMap('unlabelled', { 'ca.crt': pem(await makeRoot()) });
    await sources.configMap('one', { 'ca.crt': onePem }, { team: 'pki' });
    await scene.untilPublished(domain, own, one);
    await untilReady(domain);
    await sources.configMap('two', { 'ca.crt': twoPem }, { team: 'pki' });
    await scene.untilPublished(domain, own, one, two);
    await sources.configMap('one', { 'ca.crt': onePem }, { team: 'web' });
    await scene.untilPublished(domain, own, two);
    await untilReady(domain);
  });
});

describe('a ConfigMap', () => {
  it('joins an authority, keeps its last good content while it is damaged or gone, and stops nobody else', async () => {
    const domain = 'configmap.objects.test';
    const publisher = sources.start(domain);
    const [[first, firstPem], [second, secondPem], [third, thirdPem]] = [
      await rootPem(),
      await rootPem(),
      await rootPem(),
    ];
    await sources.configMap('corporate', { 'ca.crt': firstPem });
    const source = { configMap: { name: 'corporate' } };
    const own = await sources.beside(publisher, domain, source, { maxShrinkPercent: 100 });
    await scene.untilPublished(domain, own, first);

    await sources.configMap('corporate', { 'ca.crt': `${secondPem}-----BEGIN CERTIFICATE-----\n!\n` });
    const bundle = await untilNot(domain, 'SourceInvalid');
    expect(conditionOf(bundle, 'Ready')?.message).toMatch(
      /^ConfigMap corporate, key ca\.crt: .*keeps its last/,
    );
    expect(conditionOf(bundle, 'Published')).toMatchObject({ status: 'True' });
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, next));
    await scene.untilPublished(domain, next, first);

    await sources.configMap('corporate', { 'ca.crt': secondPem });
    await scene.untilPublished(domain, next, second);
    await untilReady(domain);

    await sources.remove('configmap', 'corporate');
    await untilNot(domain, 'SourceNotFound');
    await sources.configMap('corporate', { 'root.pem': thirdPem });
    const renamed = await untilNot(domain, 'SourceKeyMissing');
    expect(conditionOf(renamed, 'Ready')?.message).toContain('it has root.pem');
    await scene.untilPublished(domain, next, second);

    await sources.configMap('corporate', { 'ca.crt': thirdPem });
    await scene.untilPublished(domain, next, third);
    await untilReady(domain);
  });

  it('that need not exist is no fault while it does not', async () => {
    const domain = 'optional.objects.test';
    const publisher = sources.start(domain);
    const source = { configMap: { name: 'optional' }, optional: true };
    const own = await sources.beside(publisher, domain, source);
    await scene.untilPublished(domain, own);
    const bundle = await untilReady(domain);
    expect(bundle.status?.sources?.[1]).toMatchObject({ note: 'it does not exist, and need not' });
    const [root, text] = await rootPem();
    await sources.configMap('optional', { 'ca.crt': text });
    await scene.untilPublished(domain, own, root);
    await sources.remove('configmap', 'optional');
    await scene.untilPublished(domain, own);
    await untilReady(domain);
  });

  it('retains a root that vanished, over a start, until its time is over', async () => {
    const domain = 'retain.objects.test';
    const before = sources.start(domain);
    const [[one, onePem], [two, twoPem]] = [await rootPem(), await rootPem()];
    await sources.configMap('retained', { 'ca.crt': onePem + twoPem });
    const source = { configMap: { name: 'retained' }, retainSeconds: 15 };
    const own = await sources.beside(before, domain, source);
    await scene.untilPublished(domain, own, one, two);
    await sources.configMap('retained', { 'ca.crt': twoPem });
    const since = await eventually(async () => {
      const { status } = await scene.bundleOf(domain);
      return status?.anchors?.find(({ vanishedTime }) => vanishedTime !== undefined)?.vanishedTime;
    });
    await scene.untilPublished(domain, own, one, two);
    await before.stop();
    const after = sources.start(domain);
    after.setAuthority(domain, known(domain, own));
    // The status tells of the second in which it vanished.
    expectLeftAt(Date.parse(since) + 15_000, await scene.untilLeft(domain, one));
    await scene.untilPublished(domain, own, two);
    await eventually(async () => (await untilReady(domain)).status?.anchors?.length === 2);
  });

  it('retains a root that vanished until a stated time', async () => {
    const domain = 'until.objects.test';
    const [[one, onePem], [two, twoPem]] = [await rootPem(), await rootPem()];
    const until = Date.now() + 12_000;
    await sources.configMap('until', { 'ca.crt': onePem + twoPem });
    const source = { configMap: { name: 'until' }, retainUntil: new Date(until).toISOString() };
    const publisher = sources.start(domain);
    const own = await sources.beside(publisher, domain, source);
    await scene.untilPublished(domain, own, one, two);
    await sources.configMap('until', { 'ca.crt': twoPem });
    await eventually(async () => {
      const { status } = await scene.bundleOf(domain);
      return status?.anchors?.some(({ vanishedTime }) => vanishedTime !== undefined);
    });
    await scene.untilPublished(domain, own, one, two);
    expectLeftAt(until, await scene.untilLeft(domain, one));
    await scene.untilPublished(domain, own, two);
    await untilReady(domain);
  });

  it('retains a root that vanished until it has expired, unless it is excluded', async () => {
    const domain = 'expired.objects.test';
    const notAfter = new Date(Date.now() + 12_000);
    const [brief, [one, onePem], [two, twoPem]] = [
      await makeRoot({ notAfter }),
      await rootPem(),
      await rootPem(),
    ];
    await sources.configMap('expired', { 'ca.crt': pem(brief) + onePem + twoPem });
    const source = { configMap: { name: 'expired' }, retainUntil: 'Expired' } as const;
    const publisher = sources.start(domain);
    const own = await sources.beside(publisher, domain, source);
    await scene.untilPublished(domain, own, brief, one, two);
    await sources.configMap('expired', { 'ca.crt': onePem });
    await eventually(async () => {
      const { status } = await scene.bundleOf(domain);
      return status?.anchors?.filter(({ vanishedTime }) => vanishedTime !== undefined).length === 2;
    });
    await scene.untilPublished(domain, own, brief, one, two);
    const exclude = [createHash('sha256').update(two).digest('hex')];
    const excluding = [{ authority: { name: domain } }, { ...source, exclude }];
    await apply(scene.kubectl, trustBundle(domain, [], { sources: excluding }));
    await scene.untilPublished(domain, own, brief, one);
    expectLeftAt(endOf(notAfter), await scene.untilLeft(domain, brief));
    await scene.untilPublished(domain, own, one);
    await untilReady(domain);
  });

  it('that cannot be read loses its roots after keepLastSeconds', async () => {
    const domain = 'keep.objects.test';
    const publisher = sources.start(domain);
    const [root, text] = await rootPem();
    await sources.configMap('kept', { 'ca.crt': text });
    const source = { configMap: { name: 'kept' }, keepLastSeconds: 5 };
    const own = await sources.beside(publisher, domain, source);
    await scene.untilPublished(domain, own, root);
    await sources.configMap('kept', { 'ca.crt': 'damaged' });
    const { status } = await untilNot(domain, 'SourceInvalid');
    // It counts from the last look at which the source was good, of which the status tells the second.
    const end = Date.parse(status?.sources?.[1]?.lastGoodTime ?? '') + 5_000;
    expectLeftAt(end, await scene.untilLeft(domain, root));
    await scene.untilPublished(domain, own);
    await untilNot(domain, 'SourceInvalid');
  });

  it('gives a root that expires: it leaves without any event from outside', async () => {
    const domain = 'expiring.objects.test';
    const publisher = sources.start(domain);
    const notAfter = new Date(Date.now() + 8_000);
    const expiring = await makeRoot({ notAfter });
    await sources.configMap('expiring', { 'ca.crt': pem(expiring) });
    const own = await sources.beside(publisher, domain, { configMap: { name: 'expiring' } });
    await scene.untilPublished(domain, own, expiring);
    expectLeftAt(endOf(notAfter), await scene.untilLeft(domain, expiring));
    await scene.untilPublished(domain, own);
    await scene.untilEvent(domain, 'AnchorExpired');
  });
});

describe('a Secret', () => {
  it('of type kubernetes.io/tls gives ca.crt and nothing else', async () => {
    const domain = 'tls.objects.test';
    const publisher = sources.start(domain);
    const [[root, text], [, other]] = [await rootPem(), await rootPem()];
    const data = { 'ca.crt': text, 'tls.crt': other, 'tls.key': privateKeyPem() };
    await sources.secret('tls', data, 'kubernetes.io/tls');
    const own = await sources.beside(publisher, domain, { secret: { name: 'tls', keys: ['*'] } });
    await scene.untilPublished(domain, own, root);
    await untilReady(domain);
  });

  it.each([
    ['key', privateKeyPem, /^Secret key, key ca\.crt: .* is a PRIVATE KEY, not a CERTIFICATE/],
    [
      'password',
      () => 'correct horse battery staple',
      /^Secret password, key ca\.crt: .*no CERTIFICATE block/,
    ],
  ])('with a pasted %s is refused by its name, and its bytes are nowhere', async (name, make, why) => {
    const domain = `pasted-${name}.objects.test`;
    const { log, lines } = recordingLog();
    const publisher = sources.start(domain, { log });
    const [root, text] = await rootPem();
    await sources.secret(name, { 'ca.crt': text });
    const own = await sources.beside(publisher, domain, { secret: { name } });
    const before = await scene.untilPublished(domain, own, root);
    const pasted = make();
    await sources.secret(name, { 'ca.crt': name === 'key' ? text + pasted : pasted });
    const bundle = await untilNot(domain, 'SourceInvalid');
    expect(conditionOf(bundle, 'Ready')?.message).toMatch(why);
    await scene.untilEvent(domain, 'SourceInvalid');
    expect(JSON.stringify(lines)).toContain('BUNDLE_PEM_INVALID');
    await sources.expectUnquoted(domain, pasted, lines);
    expect(await scene.published(domain)).toEqual(before);
    await sources.secret(name, { 'ca.crt': text });
    await untilReady(domain);
  });
});

describe('the rights to the namespace of sources', () => {
  it('taken away while a Secret changes: it is unreadable, and read when they are back', async () => {
    const domain = 'forbidden.objects.test';
    const publisher = sources.start(domain);
    const [[root, text], [next, nextText]] = [await rootPem(), await rootPem()];
    await sources.secret('forbidden', { 'ca.crt': text });
    const own = await sources.beside(publisher, domain, { secret: { name: 'forbidden' } });
    const before = await scene.untilPublished(domain, own, root);
    await take();
    try {
      await sources.secret('forbidden', { 'ca.crt': nextText });
      const bundle = await untilNot(domain, 'SourceUnreadable');
      expect(conditionOf(bundle, 'Ready')?.message).toMatch(/^Secret forbidden: .*forbidden/);
      expect(await scene.published(domain)).toEqual(before);
    } finally {
      await giveBack();
    }
    await scene.untilPublished(domain, own, next);
    await untilReady(domain);
  });

  it('missing at a start: nothing leaves the target, and all goes on when they are back', async () => {
    const domain = 'startless.objects.test';
    const [[root, text], [next, nextText]] = [await rootPem(), await rootPem()];
    await sources.configMap('startless', { 'ca.crt': text });
    const first = sources.start(domain);
    const own = await sources.beside(first, domain, { configMap: { name: 'startless' } });
    const before = await scene.untilPublished(domain, own, root);
    await untilReady(domain);
    await first.stop();
    await take();
    try {
      await sources.configMap('startless', { 'ca.crt': nextText });
      const second = sources.start(domain);
      second.setAuthority(domain, known(domain, own));
      await untilNot(domain, 'SourcePending');
      await second.stop();
      const timing = { discoveryMs: 1_000, absentMs: 500, recheckMs: 100, staleMs: 500, verifyMs: 1_000 };
      const impatient = sources.start(domain, { timing });
      impatient.setAuthority(domain, known(domain, own));
      await untilNot(domain, 'SourceUnreadable');
      await impatient.stop();
      expect(await scene.published(domain)).toEqual(before);
    } finally {
      await giveBack();
    }
    sources.start(domain).setAuthority(domain, known(domain, own));
    await scene.untilPublished(domain, own, next);
    await untilReady(domain);
  });
});
