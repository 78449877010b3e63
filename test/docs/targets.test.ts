import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundlesErrors } from '#errors/bundles.ts';
import { packageRoot } from '#sandbox/package-root.ts';
import { apply } from '../bundles/support/permissions.ts';
import { type PlacementScene, placementsOf } from '../bundles/support/placements.ts';
import { makeRoot, pem } from '../bundles/support/roots.ts';
import { known, type OpenScene, openScene } from '../bundles/support/scene.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { manifests } from '../support/shared-objects.ts';
import { blocks } from './support/page.ts';

const docs = join(packageRoot(), 'docs');
const read = (path: string): string => readFileSync(join(docs, path), 'utf8');
const kinds = readdirSync(join(docs, 'targets')).map((file) => `targets/${file}`);
const pages = ['targets.md', 'channels.md', ...kinds];
const bundlesOf = (page: string): string[] =>
  blocks(read(page), 'yaml').filter((block) => block.includes('kind: TrustBundle'));
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
  const patch = blocks(read('targets/file.md'), 'yaml').find((block) => block.includes('StatefulSet')) ?? '';
  const copy = scratchDirectory('patch');
  cpSync(manifests, copy, { recursive: true });
  writeFileSync(join(copy, 'patch.yaml'), patch);
  const kustomization = { resources: ['base'], patches: [{ path: 'patch.yaml' }] };
  writeFileSync(join(copy, 'kustomization.yaml'), JSON.stringify(kustomization));
  const patched = await scene.kubectl(['kustomize', copy]);
  expect(patched).toContain('mountPath: /targets');
  expect(patched).toContain('mountPath: /etc/mangrove');
});

it('the policy of Gateway API names the ConfigMap and the key that are published', () => {
  const page = read('targets/configmap.md');
  const policy = blocks(page, 'yaml').find((block) => block.includes('BackendTLSPolicy')) ?? '';
  const [, name = ''] = /kind: ConfigMap\n +name: (\S+)/.exec(policy) ?? [];
  expect(bundlesOf('targets/configmap.md').some((block) => block.includes(`name: ${name}\n`))).toBe(true);
});

describe.each(pages)('%s', (page) => {
  it('names reasons that there are', () => {
    const reasons = new Set<string>(Object.values(bundlesErrors).map(({ reason }) => reason));
    const named = [...read(page).matchAll(/^\| `([A-Z]\w+)` \|/gm)].map(([, reason = '']) => reason);
    if (page !== 'targets.md') expect(named.length).toBeGreaterThan(0);
    expect(named.filter((reason) => !reasons.has(reason))).toEqual([]);
  });

  it('links to pages that there are', () => {
    const links = [...read(page).matchAll(/\]\(([^)#]+)\)/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(0);
    for (const link of links) expect(read(join(page, '..', link))).not.toBe('');
  });
});

it('every page of a kind is linked', () => {
  for (const page of kinds) expect(read('targets.md')).toContain(`](targets/${basename(page)})`);
});
