import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorMessage } from '#errors/error.ts';
import type { Kubectl } from '#sandbox/kubectl.ts';
import { kubectlFor, type OwnControlPlane, ownControlPlane } from '../support/control-plane.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { allowed } from './access.ts';
import { file, root } from './installation.ts';

let own: OwnControlPlane;
let kubectl: Kubectl;
let asMangrove: Kubectl;
let directory: string;

/** As docs/install.md says: a kustomization beside a checkout, which names the components. */
async function install(components: readonly string[]): Promise<void> {
  const kustomization = {
    resources: ['mangrove/manifests'],
    components: components.map((name) => `mangrove/manifests/components/${name}`),
  };
  writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
  await kubectl(['apply', '--server-side', '--force-conflicts', '-k', directory]);
}

beforeAll(async () => {
  own = await ownControlPlane();
  kubectl = kubectlFor(own.cluster);
  directory = scratchDirectory('components');
  cpSync(join(root, 'manifests'), join(directory, 'mangrove', 'manifests'), { recursive: true });
  await install([]);
  const token = (await kubectl(['create', 'token', 'mangrove', '--namespace=mangrove-system'])).trim();
  asMangrove = (args, options) => kubectl([`--token=${token}`, ...args], options);
});
afterAll(() => own?.stop());

const bundles = 'clustertrustbundles.certificates.k8s.io';
const rights = {
  'configmap-targets': [
    ...['list', 'watch'].map((verb) => `${verb} namespaces`),
    ...['get', 'list', 'watch', 'create', 'patch'].map((verb) => `${verb} configmaps in default`),
  ],
  'secret-targets': [
    ...['list', 'watch'].map((verb) => `${verb} namespaces`),
    ...['get', 'create', 'patch'].map((verb) => `${verb} secrets in default`),
  ],
  'clustertrustbundle-deletion': [`delete ${bundles}`],
  'configmap-deletion': ['delete configmaps in default'],
  'secret-deletion': ['delete secrets in default'],
};
const never = [
  'get namespaces',
  'list secrets',
  'watch secrets',
  'update secrets in default',
  'update configmaps in default',
  'delete namespaces',
  'update namespaces',
  'deletecollection configmaps in default',
  'deletecollection secrets in default',
];
const all = [...new Set(Object.values(rights).flat())];

describe('the rights of a component', () => {
  test('are not those of the base', async () => {
    expect(await allowed(asMangrove, all)).toEqual([]);
  });

  test.each(Object.entries(rights))('%s: these and no others', async (component, given) => {
    await install([component]);
    expect(await allowed(asMangrove, all)).toEqual(all.filter((right) => given.includes(right)));
    expect(await allowed(asMangrove, never)).toEqual([]);
    expect(await allowed(kubectl, never)).toEqual(never);
    await kubectl(['delete', 'clusterrolebinding', `mangrove-${component}`]);
  });

  test('together are the sum', async () => {
    await install(Object.keys(rights));
    expect(await allowed(asMangrove, all)).toEqual(all);
    expect(await allowed(asMangrove, never)).toEqual([]);
    expect(await kubectl(['diff', '--server-side', '-k', directory]).catch(errorMessage)).toBe('');
  });
});

test('docs/install.md names every component and every right of it', () => {
  const page = file('docs', 'install.md');
  const table = page.slice(page.indexOf('## Targets in namespaces'), page.indexOf('## Another signer name'));
  for (const [component, given] of Object.entries(rights)) {
    const row = table.split('\n').filter((line) => line.startsWith(`| \`${component}\` |`));
    expect(row.length, component).toBeGreaterThan(0);
    const verbs = new Set(given.map((right) => right.split(' ')[0]));
    for (const verb of verbs) expect(row.join(' ')).toContain(`${verb}`);
  }
});
