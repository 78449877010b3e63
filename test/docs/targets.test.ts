import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply } from '../bundles/support/permissions.ts';
import { type PlacementScene, placementsOf } from '../bundles/support/placements.ts';
import { makeRoot, pem } from '../bundles/support/roots.ts';
import { known, type OpenScene, openScene } from '../bundles/support/scene.ts';
import { chapterOf, installedWith, testPages } from './support/chapter.ts';
import { blocks, readPage } from './support/page.ts';

const chapter = chapterOf('targets');
const pages = [chapter.overview, 'channels.md', ...chapter.kinds];
const bundlesOf = (page: string): string[] =>
  blocks(readPage(`docs/${page}`), 'yaml').filter((block) => block.includes('kind: TrustBundle'));
const examples = pages.flatMap((page) =>
  bundlesOf(page).map((block, index) => [`${page}, ${index + 1}`, page, block] as const),
);

let scene: OpenScene;
let placed: PlacementScene;
let directory: string;

beforeAll(async () => {
  scene = await openScene('docs-targets', ['configmap-targets', 'secret-targets']);
  placed = placementsOf(scene);
  directory = join(scene.directory, 'targets');
  mkdirSync(directory, { recursive: true });
  // Whatever the examples select, and what istiod has written there.
  const labels = {
    'example.org/roots': 'wanted',
    'example.org/backends': 'true',
    'istio-injection': 'enabled',
  };
  await placed.namespace('docs-targets-app', labels);
  const metadata = { name: 'istio-ca-root-cert', namespace: 'docs-targets-app' };
  const data = { 'root-cert.pem': 'of istiod', other: 'kept' };
  await apply(scene.kubectl, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
});

afterAll(() => scene.client.close());

/** The objects of an example, in places that belong to this test. */
function objects(block: string, domain: string, name: string): unknown[] {
  return loadAll(
    block
      .replaceAll('signerName: mangrove.dev/workload', `signerName: bundles.test/${domain}`)
      .replaceAll(/example\.org$/gm, domain)
      .replaceAll(/name: (corporate-roots|roots\.pem)$/gm, `name: ${name}`),
  );
}

describe('every example of a TrustBundle is published', () => {
  it.each(examples)('%s', async (title, page, block) => {
    const id = title.replaceAll(/[^a-z0-9]+/g, '-');
    const domain = `${id}.docs.test`;
    const publisher = placed.start([domain], { targets: { directory } });
    const root = await makeRoot();
    publisher.setAuthority('mesh', known(domain, root));
    await apply(scene.kubectl, ...objects(block, domain, `${id}-roots`));
    const { status } = await scene.untilCondition(domain, 'Ready', { status: 'True' });
    for (const target of status?.targets ?? []) {
      expect(target.hash).toBe(status?.hash);
      if (target.namespaces !== undefined) expect(target.holding).toBeGreaterThan(0);
    }
    if (page === 'targets/file.md')
      expect(readFileSync(join(directory, `${id}-roots`), 'utf8')).toBe(pem(root));
    if (!block.includes('istio-ca-root-cert')) return;
    const { data, metadata } = await placed.configMap('docs-targets-app', 'istio-ca-root-cert');
    expect(data).toEqual({ 'root-cert.pem': pem(root), other: 'kept' });
    expect(metadata.labels).toMatchObject({ 'istio.io/config': 'true' });
  });
});

it('the patch mounts a volume where the controller writes', async () => {
  const patch =
    blocks(readPage('docs/targets/file.md'), 'yaml').find((block) => block.includes('StatefulSet')) ?? '';
  const patched = await installedWith(scene.kubectl, patch);
  expect(patched).toContain('mountPath: /targets');
  expect(patched).toContain('mountPath: /etc/mangrove');
});

it('the policy of Gateway API names the ConfigMap and the key that are published', () => {
  const page = readPage('docs/targets/configmap.md');
  const policy = blocks(page, 'yaml').find((block) => block.includes('BackendTLSPolicy')) ?? '';
  const [, name = ''] = /kind: ConfigMap\n +name: (\S+)/.exec(policy) ?? [];
  expect(bundlesOf('targets/configmap.md').some((block) => block.includes(`name: ${name}\n`))).toBe(true);
});

testPages(chapter, 'channels.md');
