import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, roleBinding, sourcesRole } from '../support/permissions.ts';
import { conditionOf, eventually } from '../support/publisher.ts';
import {
  makeIntermediate,
  makeKeys,
  makeRoot,
  opensslRoot,
  pem,
  ROOT_CONFIG,
  x509,
} from '../support/roots.ts';
import { type OpenScene, openScene } from '../support/scene.ts';
import { privateKeyPem, rootPem, type Sources, sourcesOf } from '../support/sources.ts';

let scene: OpenScene;
let sources: Sources;

beforeAll(async () => {
  scene = await openScene('bad-sources');
  sources = sourcesOf(scene);
});

afterAll(() => scene.client.close());

const untilReady = (domain: string) => scene.untilCondition(domain, 'Ready', { status: 'True' });
const message = async (domain: string, reason: string, about: RegExp) => {
  await eventually(async () => {
    const ready = conditionOf(await scene.bundleOf(domain), 'Ready');
    expect(ready).toMatchObject({ status: 'False', reason });
    expect(ready?.message).toMatch(about);
    return true;
  });
};

type Kind = 'ConfigMap' | 'Secret';
const kindOf = { ConfigMap: 'configMap', Secret: 'secret' } as const;

/** Puts these bytes under `ca.crt`, whatever they are. */
async function give(kind: Kind, name: string, content: string | Buffer): Promise<void> {
  const base64 = Buffer.from(content).toString('base64');
  const field = kind === 'Secret' ? 'data' : 'binaryData';
  const text = typeof content === 'string' && kind === 'ConfigMap';
  await scene.kubectl(['delete', kind, name, '-n', scene.sources, '--ignore-not-found']);
  await scene.kubectl(['create', '-f', '-'], {
    input: JSON.stringify({
      apiVersion: 'v1',
      kind,
      metadata: { name, namespace: scene.sources },
      ...(text ? { data: { 'ca.crt': content } } : { [field]: { 'ca.crt': base64 } }),
    }),
  });
}

const leaf = () =>
  makeRoot({
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    ],
  });
const version1 = () => opensslRoot(undefined, ROOT_CONFIG.replace('x509_extensions = ext', ''));
const md5 = () => opensslRoot(['-newkey', 'rsa:2048', '-nodes', '-keyout', 'rsa.pem', '-md5']);

type Bad = [
  what: string,
  make: (good: string) => string | Buffer | Promise<string>,
  reason: string,
  about: RegExp,
];
const bad: readonly Bad[] = [
  [
    'a damaged block between good ones',
    (good) => `${good}${good.replace(/\n..../, '\n!!!!')}${good}`,
    'SourceInvalid',
    /line \d+/,
  ],
  [
    'a PEM header',
    (good) => good.replace('-----\n', '-----\nProc-Type: 4,CLEAR\n\n'),
    'SourceInvalid',
    /has a header/,
  ],
  ['text between blocks', (good) => `${good}our second root\n${good}`, 'SourceInvalid', /not the beginning/],
  ['a private key', (good) => good + privateKeyPem(), 'SourceInvalid', /PRIVATE KEY/],
  [
    'bytes that are no UTF-8',
    (good) => Buffer.concat([Buffer.from(good), Buffer.from([0xc3, 0x28])]),
    'SourceInvalid',
    /not the beginning/,
  ],
  ['a leaf', async (good) => good + pem(await leaf()), 'AnchorInvalid', /certificate 2 .*no critical basic/],
  [
    'an intermediate',
    async (good) => good + pem(await makeIntermediate()),
    'AnchorInvalid',
    /so it is no root/,
  ],
  ['an X.509 v1 root', (good) => good + pem(version1()), 'AnchorInvalid', /version 3 root/],
  [
    'a root with a negative serial',
    (good) => good + pem(opensslRoot(['-key', 'key.pem', '-set_serial', '-5'])),
    'AnchorInvalid',
    /certificate 2/,
  ],
  ['a root signed with MD5', (good) => good + pem(md5()), 'AnchorInvalid', /certificate 2/],
];

describe.each<Kind>(['ConfigMap', 'Secret'])('a %s with what is no list of roots', (kind) => {
  const name = `bad-${kind.toLowerCase()}`;
  const domain = `${name}.sources.test`;

  it('fails alone, says why, keeps its last good content, and is good again when it is mended', async () => {
    const publisher = sources.start(domain);
    const [root, good] = await rootPem();
    await give(kind, name, good);
    const own = await sources.beside(publisher, domain, { [kindOf[kind]]: { name } });
    const target = await scene.untilPublished(domain, own, root);
    for (const [, make, reason, about] of bad) {
      await give(kind, name, await make(good));
      await message(domain, reason, about);
      await message(domain, reason, new RegExp(`^${kind} ${name}, key ca\\.crt: `));
      expect(await scene.published(domain)).toEqual(target);
      await give(kind, name, good);
      await untilReady(domain);
    }
  });
});

it('a ClusterTrustBundle of somebody else with an intermediate fails, and keeps its last good content', async () => {
  const domain = 'bad-bundle.sources.test';
  const name = 'bad-sources-corporate';
  const publisher = sources.start(domain);
  const [root, good] = await rootPem();
  const publish = (trustBundle: string) =>
    apply(scene.kubectl, {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'ClusterTrustBundle',
      metadata: { name },
      spec: { trustBundle },
    });
  await publish(good);
  const own = await sources.beside(publisher, domain, { clusterTrustBundle: { name } });
  await scene.untilPublished(domain, own, root);
  await publish(good + pem(await makeIntermediate()));
  await message(domain, 'AnchorInvalid', /^ClusterTrustBundle bad-sources-corporate: certificate 2/);
  await scene.untilPublished(domain, own, root);
  await publish(good);
  await untilReady(domain);
  await scene.kubectl(['delete', 'clustertrustbundle', name]);
});

describe('a source that is odd and not bad', () => {
  it('gives a root once, however often and in whatever form its text stands there', async () => {
    const domain = 'duplicate.sources.test';
    const publisher = sources.start(domain);
    const [root, text] = await rootPem();
    const base64 = root.toString('base64');
    const oneLine = `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
    await give('ConfigMap', 'duplicate', `\n${text}\n\n${text.replaceAll('\n', '\r\n')}${oneLine}  \n`);
    const own = await sources.beside(publisher, domain, { configMap: { name: 'duplicate' } });
    await scene.untilPublished(domain, own, root);
    await untilReady(domain);
  });

  it('gives both of two roots with one key, and of two with one name', async () => {
    const domain = 'samekey.sources.test';
    const publisher = sources.start(domain);
    const keys = await makeKeys();
    const one = await makeRoot({ keys, subject: 'CN=same' });
    const two = await makeRoot({ keys, subject: 'CN=same', notAfter: new Date(Date.now() + 172_800_000) });
    const three = await makeRoot({ subject: 'CN=same' });
    await give('Secret', 'samekey', [one, two, three].map((root) => pem(root)).join(''));
    const own = await sources.beside(publisher, domain, { secret: { name: 'samekey' } });
    await scene.untilPublished(domain, own, one, two, three);
    await untilReady(domain);
  });

  it('whose roots have expired or are not valid yet is no fault: they are told, and left out', async () => {
    const domain = 'untimely.sources.test';
    const publisher = sources.start(domain);
    const root = await makeRoot();
    const expired = await makeRoot({ notAfter: new Date(Date.now() - 60_000) });
    const early = await makeRoot({ notBefore: new Date(Date.now() + 40_000_000) });
    await give('ConfigMap', 'untimely', [root, expired, early].map((one) => pem(one)).join(''));
    const own = await sources.beside(publisher, domain, { configMap: { name: 'untimely' } });
    await scene.untilPublished(domain, own, root);
    const bundle = await untilReady(domain);
    expect(conditionOf(bundle, 'Ready')?.message).toMatch(/Left out because expired: .*not yet valid: /);
    await scene.untilEvent(domain, 'AnchorExpired');
    await scene.untilEvent(domain, 'AnchorNotYetValid');
  });

  it('has 1,048,576 bytes; with one more the API server itself refuses the object', async () => {
    const domain = 'bytes.sources.test';
    const publisher = sources.start(domain);
    const [root, text] = await rootPem();
    await give('ConfigMap', 'bytes', text.padEnd(1_048_576, '\n'));
    const own = await sources.beside(publisher, domain, { configMap: { name: 'bytes' } });
    await scene.untilPublished(domain, own, root);
    await untilReady(domain);
    const more = text.padEnd(1_048_577, '\n');
    await expect(give('ConfigMap', 'bytes-more', more)).rejects.toThrow(/Too long.*1048576/s);
    await expect(give('Secret', 'bytes-more', more)).rejects.toThrow(/Too long.*1048576/s);
  });
});

describe('a source that comes and goes', () => {
  it.each<Kind>(['ConfigMap', 'Secret'])(
    '%s: deleted, made again with another root, and its key renamed',
    async (kind) => {
      const name = `moving-${kind.toLowerCase()}`;
      const domain = `${name}.sources.test`;
      const publisher = sources.start(domain);
      const [[first, firstPem], [second, secondPem]] = [await rootPem(), await rootPem()];
      await give(kind, name, firstPem);
      const own = await sources.beside(publisher, domain, { [kindOf[kind]]: { name } });
      await scene.untilPublished(domain, own, first);
      await sources.remove(kind, name);
      await message(domain, 'SourceNotFound', new RegExp(`there is no ${kind} ${name}`));
      await scene.untilPublished(domain, own, first);
      await give(kind, name, secondPem);
      await scene.untilPublished(domain, own, second);
      await untilReady(domain);
      const renamed = JSON.stringify([{ op: 'move', from: '/data/ca.crt', path: '/data/root.pem' }]);
      await scene.kubectl(['patch', kind, name, '-n', scene.sources, '--type=json', '-p', renamed]);
      await message(domain, 'SourceKeyMissing', /it has root\.pem/);
      await scene.untilPublished(domain, own, second);
    },
  );

  it('a selector of which the last match went keeps what it gave', async () => {
    const domain = 'nomatch.sources.test';
    const publisher = sources.start(domain);
    const [root, text] = await rootPem();
    await sources.configMap('nomatch', { 'ca.crt': text }, { nomatch: 'yes' });
    const selector = { matchLabels: { nomatch: 'yes' } };
    const own = await sources.beside(publisher, domain, { configMap: { selector } });
    await scene.untilPublished(domain, own, root);
    await sources.configMap('nomatch', { 'ca.crt': text }, { nomatch: 'no' });
    await message(domain, 'SourceNotFound', /there is no ConfigMap with the labels nomatch=yes/);
    await scene.untilPublished(domain, own, root);
    await sources.configMap('nomatch', { 'ca.crt': text }, { nomatch: 'yes' });
    await untilReady(domain);
  });
});

it('a ConfigMap that changes while the rights to it are taken away is unreadable, and read when they are back', async () => {
  const domain = 'forbidden.sources.test';
  const publisher = sources.start(domain);
  const [[root, text], [next, nextText]] = [await rootPem(), await rootPem()];
  await sources.configMap('forbidden', { 'ca.crt': text });
  const own = await sources.beside(publisher, domain, { configMap: { name: 'forbidden' } });
  await scene.untilPublished(domain, own, root);
  const binding = roleBinding(sourcesRole, scene.sources, { namespace: 'bad-sources' });
  await sources.remove('rolebinding', binding.metadata.name);
  try {
    await sources.configMap('forbidden', { 'ca.crt': nextText });
    await message(domain, 'SourceUnreadable', /^ConfigMap forbidden: .*forbidden/);
    await scene.untilPublished(domain, own, root);
  } finally {
    await apply(scene.kubectl, binding);
  }
  await scene.untilPublished(domain, own, next);
  await untilReady(domain);
});
