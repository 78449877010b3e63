import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { run } from '#sandbox/run.ts';
import { binaries } from '../support/control-plane.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { built, file, find, type Manifest, root } from './installation.ts';

const page = file('docs', 'install.md');
const fragments = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = '']) => yaml);
const having = (key: string): string => {
  const found = fragments.find((yaml) => new RegExp(`^${key}:`, 'm').test(yaml));
  if (found === undefined) throw new Error(`docs/install.md shows no ${key}`);
  return found;
};

test('the kustomization of docs/install.md builds, with its patch and its configuration', async () => {
  const directory = scratchDirectory();
  await cp(join(root, 'manifests'), join(directory, 'mangrove', 'manifests'), { recursive: true });
  const kustomization = [having('resources'), having('patches'), having('configMapGenerator')].join('');
  await writeFile(join(directory, 'kustomization.yaml'), kustomization);
  await writeFile(join(directory, 'config.yaml'), 'log:\n  level: debug\n');
  const { code, stdout, stderr } = await run(binaries().kubectl, ['kustomize', directory]);
  expect([code, stderr]).toEqual([0, '']);
  const manifests = loadAll(stdout) as Manifest[];
  expect(find(manifests, 'ConfigMap').data).toEqual({ 'config.yaml': 'log:\n  level: debug\n' });
  expect(JSON.stringify(find(manifests, 'StatefulSet').spec)).toContain(
    'registry.example.com/mangrove:0.1.0',
  );
  const { rules } = z
    .object({ rules: z.array(z.looseObject({})) })
    .parse(manifests.find(({ kind, metadata: { name } }) => kind === 'ClusterRole' && name === 'mangrove'));
  expect(rules[2]).toEqual({
    apiGroups: ['certificates.k8s.io'],
    resources: ['signers'],
    verbs: ['sign', 'attest'],
    resourceNames: ['mangrove.dev/workload', 'example.com/web'],
  });
});

test('docs/install.md names every right that is given', async () => {
  const roles = (await built()).filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
  const shipped = z
    .array(
      z.object({
        metadata: z.object({ name: z.string() }),
        rules: z.array(z.object({ verbs: z.array(z.string()) })),
      }),
    )
    .parse(roles)
    .filter(({ metadata }) => metadata.name !== 'mangrove-requester')
    .flatMap(({ rules }) => rules.flatMap(({ verbs }) => verbs));
  const table = page.slice(page.indexOf('## What it may do'), page.indexOf('## Another signer name'));
  const named = [...table.matchAll(/^\| ([a-z, ]+) \| [^|]+ \| [^|]+ \|$/gm)].flatMap(([, verbs = '']) =>
    verbs.split(', '),
  );
  expect(new Set(named.filter((verb) => verb !== 'right'))).toEqual(new Set(shipped));
});
