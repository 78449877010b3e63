import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { trustBundles } from '#kube/resource.ts';
import { apply } from '../support/permissions.ts';
import { conditionOf, eventually, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { type OpenScene, openScene } from '../support/scene.ts';
import { sourcesOf } from '../support/sources.ts';

let scene: OpenScene;

beforeAll(async () => {
  scene = await openScene('bundles-shrink');
});
afterEach(() => scene.stopAll());
afterAll(() => scene.client.close());

const sha256 = (der: Buffer): string => createHash('sha256').update(der).digest('hex');

async function give(domain: string, ...roots: Buffer[]): Promise<void> {
  const sources = [{ inline: { name: 'corporate', pem: roots.map((root) => pem(root)).join('') } }];
  await apply(scene.kubectl, trustBundle(domain, [], { sources }));
}

async function consent(domain: string, ...roots: Buffer[]): Promise<void> {
  const value = roots.map(sha256).join(',');
  await scene.kubectl(['annotate', 'trustbundle', domain, `mangrove.dev/allow-removal=${value}`]);
}

const annotations = async (domain: string) =>
  (await scene.client.get<TrustBundle>(trustBundles, domain)).metadata.annotations ?? {};

it('keeps roots that a source lost, until somebody agrees; the consent works once', async () => {
  const domain = 'consent.shrink.test';
  scene.start(domain);
  const [one, two, three] = [await makeRoot(), await makeRoot(), await makeRoot()];
  await give(domain, one, two);
  await scene.untilPublished(domain, one, two);

  await give(domain, three);
  await scene.untilPublished(domain, one, two, three);
  const bundle = await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'ShrinkWithheld' });
  expect(conditionOf(bundle, 'Published')).toMatchObject({ status: 'True' });
  expect(conditionOf(bundle, 'Ready')?.message).toContain(sha256(one));
  expect(bundle.status?.anchors?.map(({ source }) => source)).toEqual(Array(3).fill('inline/corporate'));
  await scene.untilEvent(domain, 'ShrinkWithheld');

  await consent(domain, one, two);
  await scene.untilPublished(domain, three);
  await scene.untilCondition(domain, 'Ready', { status: 'True' });
  await scene.untilEvent(domain, 'RemovalConsented');
  await eventually(async () => (await annotations(domain))['mangrove.dev/allow-removal'] === undefined);

  await give(domain, one);
  await scene.untilPublished(domain, one, three);
  await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'ShrinkWithheld' });
});

it('says which part of a consent names nothing, and leaves only that in place', async () => {
  const domain = 'misspelt.shrink.test';
  scene.start(domain);
  const [one, two, three, never] = [await makeRoot(), await makeRoot(), await makeRoot(), await makeRoot()];
  await give(domain, one, two);
  await scene.untilPublished(domain, one, two);
  await give(domain, three);
  await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'ShrinkWithheld' });

  const misspelt = sha256(one).replace(/^./, 'g');
  const annotate = (value: string) =>
    scene.kubectl(['annotate', '--overwrite', 'trustbundle', domain, `mangrove.dev/allow-removal=${value}`]);
  await annotate(`${misspelt},${sha256(two)},${sha256(never)}`);
  await scene.untilPublished(domain, one, three);
  await scene.untilEvent(domain, 'ConsentInvalid');
  const still = await eventually(async () => {
    const bundle = await scene.bundleOf(domain);
    expect(conditionOf(bundle, 'Ready')?.message).toContain(`"${misspelt.slice(0, 20)}…" is no SHA-256`);
    expect(bundle.metadata.annotations?.['mangrove.dev/allow-removal']).toBe(`${sha256(never)},${misspelt}`);
    return bundle;
  });
  expect(conditionOf(still, 'Ready')).toMatchObject({ status: 'False', reason: 'ShrinkWithheld' });
  expect(conditionOf(still, 'Ready')?.message).toContain(`${sha256(never)} is no root of this bundle`);

  await annotate(sha256(one));
  await scene.untilPublished(domain, three);
  await annotate(sha256(one).slice(0, 8));
  const told = await eventually(async () => {
    const bundle = await scene.bundleOf(domain);
    expect(conditionOf(bundle, 'Ready')?.message).toContain('is no SHA-256 fingerprint');
    return bundle;
  });
  // It is a mistake and no fault of the bundle.
  expect(conditionOf(told, 'Ready')).toMatchObject({ status: 'True' });
});

it('a new process knows what was published before it began', async () => {
  const domain = 'restart.shrink.test';
  const [one, two] = [await makeRoot(), await makeRoot()];
  const before = scene.start(domain);
  await give(domain, one);
  await scene.untilPublished(domain, one);
  await scene.untilCondition(domain, 'Ready', { status: 'True' });
  await scene.stop(before);
  await give(domain, two);
  scene.start(domain);
  await scene.untilPublished(domain, one, two);
  await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'ShrinkWithheld' });
});

it('counts what leaves within a day together: the objects of a selector, deleted one by one, over a start', async () => {
  const domain = 'steps.shrink.test';
  const labels = { steps: 'shrink' };
  const roots = await Promise.all(Array.from({ length: 4 }, () => makeRoot()));
  const { start, configMap, remove } = sourcesOf(scene);
  const before = start(domain);
  for (const [index, root] of roots.entries())
    await configMap(`step-${index}`, { 'ca.crt': pem(root) }, labels);
  const source = { configMap: { selector: { matchLabels: labels } } };
  await apply(scene.kubectl, trustBundle(domain, [], { sources: [source] }));
  await scene.untilPublished(domain, ...roots);

  await remove('configmap', 'step-0');
  await scene.untilPublished(domain, ...roots.slice(1));
  await remove('configmap', 'step-1');
  await scene.untilPublished(domain, ...roots.slice(2));
  const { status } = await eventually(async () => {
    const bundle = await scene.bundleOf(domain);
    expect(bundle.status?.removals?.map(({ sha256 }) => sha256)).toEqual(roots.slice(0, 2).map(sha256));
    return bundle;
  });
  expect(status?.removals?.every(({ since, time }) => since !== undefined && Date.parse(time) > 0)).toBe(
    true,
  );
  await before.stop();

  start(domain);
  await remove('configmap', 'step-2');
  await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'ShrinkWithheld' });
  await scene.untilPublished(domain, ...roots.slice(2));
  await consent(domain, ...roots.slice(0, 3));
  await scene.untilPublished(domain, ...roots.slice(3));
  await eventually(async () => (await scene.bundleOf(domain)).status?.removals === undefined);
});

it('a foreign root in a target is no loss when it goes', async () => {
  const domain = 'edited.shrink.test';
  scene.start(domain);
  const [one, foreign] = [await makeRoot(), await makeRoot()];
  await give(domain, one);
  const object = await scene.untilPublished(domain, one);
  const spec = { ...object.spec, trustBundle: pem(foreign) };
  await scene.server.kubectl([
    'patch',
    'clustertrustbundle',
    object.metadata.name,
    '--type=merge',
    '-p',
    JSON.stringify({ spec }),
  ]);
  await scene.untilPublished(domain, one);
});
