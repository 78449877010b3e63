import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePublished } from '#bundles/bundle/bundle.ts';
import { apply } from '../support/permissions.ts';
import { conditionOf, eventually } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type OpenScene, openScene, targetName } from '../support/scene.ts';
import { privateKeyPem, rootPem, type Sources, sourcesOf } from '../support/sources.ts';

let scene: OpenScene;
let sources: Sources;

beforeAll(async () => {
  scene = await openScene('other-sources');
  sources = sourcesOf(scene);
});

afterAll(() => scene.client.close());

const untilReady = (domain: string) => scene.untilCondition(domain, 'Ready', { status: 'True' });
const untilNot = (domain: string, reason: string) =>
  scene.untilCondition(domain, 'Ready', { status: 'False', reason });
const sha256 = (der: Buffer): string => createHash('sha256').update(der).digest('hex');

describe('a ClusterTrustBundle of somebody else', () => {
  async function publish(
    name: string,
    trustBundle: string,
    more: { signerName?: string; labels?: Record<string, string> } = {},
  ): Promise<void> {
    const { labels = {}, ...spec } = more;
    await apply(scene.kubectl, {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'ClusterTrustBundle',
      metadata: { name, labels },
      spec: { ...spec, trustBundle },
    });
  }
  const remove = (name: string) => scene.kubectl(['delete', 'clustertrustbundle', name]);

  it('is followed by name, and its roots stay when it goes', async () => {
    const domain = 'by-name.others.test';
    const publisher = sources.start(domain);
    const [[first, firstPem], [second, secondPem]] = [await rootPem(), await rootPem()];
    const name = 'corporate-by-name';
    await publish(name, firstPem);
    const own = await sources.beside(publisher, domain, { clusterTrustBundle: { name } });
    await scene.untilPublished(domain, own, first);
    await publish(name, secondPem);
    await scene.untilPublished(domain, own, second);
    await untilReady(domain);
    await remove(name);
    await untilNot(domain, 'SourceNotFound');
    await scene.untilPublished(domain, own, second);
    await publish(name, firstPem);
    await scene.untilPublished(domain, own, first);
    await untilReady(domain);
    await remove(name);
  });

  it('is found by signer and labels', async () => {
    const domain = 'by-signer.others.test';
    const publisher = sources.start(domain);
    const [[one, onePem], [two, twoPem]] = [await rootPem(), await rootPem()];
    const signerName = 'others.test/corporate';
    const labels = { channel: 'live' };
    await publish('others.test:corporate:one', onePem, { signerName, labels });
    await publish('others.test:corporate:two', twoPem, { signerName, labels: { channel: 'canary' } });
    const clusterTrustBundle = { signerName, selector: { matchLabels: labels } };
    const own = await sources.beside(publisher, domain, { clusterTrustBundle });
    await scene.untilPublished(domain, own, one);
    await publish('others.test:corporate:two', twoPem, { signerName, labels });
    await scene.untilPublished(domain, own, one, two);
    await untilReady(domain);
    await remove('others.test:corporate:one');
    await remove('others.test:corporate:two');
  });

  it('is not the target itself, nor one of another trust domain', async () => {
    const [east, west] = ['east.others.test', 'west.others.test'];
    const [eastern, western] = [sources.start(east), sources.start(west)];
    const own = await sources.beside(eastern, east, { clusterTrustBundle: { name: targetName(east) } });
    await scene.untilPublished(east, own);
    await untilNot(east, 'SourceIsTarget');
    const other = await sources.beside(western, west, { clusterTrustBundle: { name: targetName(east) } });
    await scene.untilPublished(west, other);
    await untilNot(west, 'TrustDomainMismatch');
  });
});

describe('inline PEM', () => {
  it('joins; a key pasted into it is refused, and the last good content stays', async () => {
    const domain = 'inline.others.test';
    const publisher = sources.start(domain);
    const [root, text] = await rootPem();
    const own = await sources.beside(publisher, domain, { inline: { name: 'partner', pem: text } });
    await scene.untilPublished(domain, own, root);
    const pasted = privateKeyPem();
    const patch = [{ op: 'replace', path: '/spec/sources/1/inline/pem', value: pasted }];
    await scene.kubectl(['patch', 'trustbundle', domain, '--type=json', '-p', JSON.stringify(patch)]);
    const bundle = await untilNot(domain, 'SourceInvalid');
    expect(conditionOf(bundle, 'Ready')?.message).toMatch(/^inline partner: .*is a PRIVATE KEY/);
    expect(JSON.stringify(bundle.status)).not.toContain(pasted.split('\n')[1]);
    await scene.untilPublished(domain, own, root);
  });
});

describe('public roots', () => {
  it('join, but for what is excluded; what is left out is a note and no fault', async () => {
    const domain = 'public.others.test';
    const publisher = sources.start(domain);
    const publicRoots = { from: 'mozilla' };
    await sources.beside(publisher, domain, { publicRoots });
    const bundle = await untilReady(domain);
    const before = bundle.status?.anchors ?? [];
    expect(before.length).toBeGreaterThan(100);
    expect(bundle.status?.sources?.[1]?.note).toMatch(
      new RegExp(`^Mozilla's roots of Node.js ${process.version}; left out: [0-9a-f]{8}`),
    );
    const published = async () =>
      decodePublished((await scene.published(domain)).spec.trustBundle) ?? new Map<string, Buffer>();
    expect((await published()).size).toBe(before.length);
    const unwanted = before.find(({ source }) => source === 'publicRoots/mozilla')?.sha256 ?? '';
    await sources.beside(publisher, domain, { publicRoots, exclude: [unwanted] });
    await eventually(async () => !(await published()).has(unwanted));
    expect((await published()).size).toBe(before.length - 1);
  });
});

/** Read by Node, not by us; the roots that have not expired. */
const system = new Set(
  getCACertificates('system')
    .map((text) => new X509Certificate(text))
    .filter(({ validTo }) => Date.parse(validTo) > Date.now())
    .map(({ raw }) => sha256(raw)),
);

describe.skipIf(system.size === 0)('the roots of the operating system', () => {
  it('join, each of them or its fingerprint with the reason why not', async () => {
    const domain = 'system.others.test';
    const publisher = sources.start(domain);
    const own = await sources.beside(publisher, domain, { publicRoots: { from: 'system' } });
    const bundle = await untilReady(domain);
    const { trustBundle } = (await scene.published(domain)).spec;
    const published = new Set(decodePublished(trustBundle)?.keys());
    expect(published.delete(sha256(own))).toBe(true);
    expect(published.size).toBeGreaterThan(0);
    expect([...published].filter((fingerprint) => !system.has(fingerprint))).toEqual([]);
    expect(bundle.status?.anchors?.filter(({ source }) => source === 'publicRoots/system')).toHaveLength(
      published.size,
    );
    const note = bundle.status?.sources?.[1]?.note ?? '';
    expect(note).toContain('roots of the operating system');
    const leftOut = [...system].filter((fingerprint) => !published.has(fingerprint));
    for (const fingerprint of leftOut) expect(note).toContain(fingerprint.slice(0, 8));
  });
});

describe('a file on the disk of the controller', () => {
  it('is read, and read again when nobody says that it changed', async () => {
    const domain = 'file.others.test';
    const [[first, firstPem], [second, secondPem]] = [await rootPem(), await rootPem()];
    const directory = join(scene.directory, 'corporate');
    mkdirSync(directory, { recursive: true });
    const publisher = sources.start(domain);
    const own = await sources.beside(publisher, domain, { file: { name: 'corporate' } });
    await untilNot(domain, 'SourceNotFound');
    writeFileSync(join(directory, 'a.pem'), firstPem);
    await scene.untilPublished(domain, own, first);
    writeFileSync(join(directory, 'a.pem'), secondPem);
    await scene.untilPublished(domain, own, second);
    await untilReady(domain);
    rmSync(directory, { recursive: true });
  });
});

describe('a filter', () => {
  it('lets in what it names; a fingerprint that is none of the roots costs nothing but a fault', async () => {
    const domain = 'filter.others.test';
    const publisher = sources.start(domain);
    const [one, two] = [await makeRoot(), await makeRoot()];
    const inline = { name: 'partner', pem: pem(one) + pem(two) };
    const own = await sources.beside(publisher, domain, { inline, include: [sha256(one)] });
    await scene.untilPublished(domain, own, one);
    const change = (filter: Record<string, unknown>) =>
      apply(scene.kubectl, {
        apiVersion: 'mangrove.dev/v1alpha1',
        kind: 'TrustBundle',
        metadata: { name: domain },
        spec: {
          trustDomain: domain,
          sources: [{ authority: { name: domain } }, { inline, ...filter }],
          targets: [{ clusterTrustBundle: { signerName: `bundles.test/${domain}` } }],
        },
      });
    await change({ include: ['0'.repeat(64)] });
    await untilNot(domain, 'SourceFiltered');
    await scene.untilPublished(domain, own, one);
    publisher.setAuthority(domain, known(domain, own));
    await change({ exclude: [sha256(one)] });
    await scene.untilPublished(domain, own, two);
    await untilReady(domain);
  });
});
