import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { schemaVersion } from '#kube/schema-version.ts';
import { packageRoot } from '#sandbox/package-root.ts';
import { kubectlFor, type OwnControlPlane, ownControlPlane } from './support/control-plane.ts';
import { type Installation, install, until } from './support/installation.ts';
import { applyShared, manifests } from './support/shared-objects.ts';

/** A server of its own, for its CRDs change. */
let own: OwnControlPlane;
let on: Installation;
/** Every one that is shipped, such as `trustbundles.mangrove.dev`. */
const crds = readdirSync(join(manifests, 'crds')).map((file) => `${file.replace('.yaml', '')}.mangrove.dev`);
const annotation = /annotations:\n +mangrove\.dev\/schema-version: '\d+'\n/;

beforeAll(async () => {
  own = await ownControlPlane();
  const { cluster, directory } = own;
  on = await install({ ...cluster, server: cluster.url, directory, kubectl: kubectlFor(cluster) });
  await on.createAuthority();
});
afterEach(() => applyShared(on.kubectl));
afterAll(async () => {
  await on?.stop();
  await own?.stop();
});

/** Applies a CRD as another version would have it. */
async function applyCrd(name: string, change: (annotations: string) => string): Promise<void> {
  const yaml = readFileSync(join(manifests, 'crds', name.replace('.mangrove.dev', '.yaml')), 'utf8');
  const input = yaml.replace(annotation, change);
  expect(input).not.toBe(yaml);
  await on.kubectl(['apply', '--server-side', '-f', '-'], { input });
}

/** `mangrove controller` until it ends by itself. */
async function run(): Promise<{ code: unknown; stderr: string; log: string }> {
  const config = await on.config();
  const { replica, namespace, kubeconfig, authorities, ledger, http } = config;
  const path = join(on.directory, 'config.yaml');
  writeFileSync(path, JSON.stringify({ replica, namespace, kubeconfig, authorities, ledger, http }));
  const program = join(packageRoot(), 'src', 'cli', 'program.ts');
  const child = spawn(process.execPath, [program, 'controller', '--config', path]);
  // One that does not end by itself must not outlive the test that waits for it.
  onTestFinished(() => void child.kill('SIGKILL'));
  const texts = Promise.all([
    child.stderr.setEncoding('utf8').toArray(),
    child.stdout.setEncoding('utf8').toArray(),
  ]);
  const [code] = await once(child, 'exit');
  const [stderr, log] = (await texts).map((chunks) => chunks.join(''));
  return { code, stderr: stderr ?? '', log: log ?? '' };
}

test.each(crds)('a newer CRD %s is refused: the program ends and says which version to run', async (name) => {
  await applyCrd(name, (annotations) => annotations.replace(/\d+/, String(schemaVersion + 1)));
  const { code, stderr, log } = await run();
  expect(code).toBe(1);
  expect(stderr).toContain(`KUBE_SCHEMA_NEWER: the CRD ${name} has version ${schemaVersion + 1};`);
  expect(stderr).toContain('Run the version of Mangrove that these CRDs belong to');
  expect(log).toContain('"code":"KUBE_SCHEMA_NEWER"');
});

test.each(crds)('an older CRD %s is refused: the program ends and says what to apply', async (name) => {
  await applyCrd(name, () => 'annotations: {}\n');
  const { code, stderr } = await run();
  expect(code).toBe(1);
  expect(stderr).toContain(`KUBE_SCHEMA_OLDER: the CRD ${name} has version none;`);
  expect(stderr).toContain('mangrove crds | kubectl apply --server-side -f -');
});

test('nothing was done until those of this version are applied; the objects stayed', async () => {
  expect(await on.kubectl(['get', 'trustbundles', '-o', 'name'])).toBe('');
  const mangrove = await on.start();
  await on.readyAuthority();
  await mangrove.stop();
});

test('CRDs that cannot be read refuse nobody: it waits, and goes on when it may read them', async () => {
  const role = `mangrove-${on.namespace.replace('-system', '')}`;
  const rights = await on.kubectl(['get', 'clusterrole', role, '-o', 'json']);
  const { rules, ...rest } = JSON.parse(rights) as { rules: { apiGroups: string[] }[] };
  const without = rules.filter(({ apiGroups }) => !apiGroups.includes('apiextensions.k8s.io'));
  expect(without.length).toBe(rules.length - 1);
  await on.kubectl(['replace', '-f', '-'], { input: JSON.stringify({ ...rest, rules: without }) });
  const mangrove = await on.start();
  const crds = async () => {
    const response = await fetch(`http://127.0.0.1:${mangrove.health.port}/readyz`);
    const { checks } = (await response.json()) as {
      checks: { name: string; ok: boolean; message: string }[];
    };
    return checks.find(({ name }) => name === 'crds');
  };
  await until('it says what it may not', async () => (await crds())?.message.includes('cannot get'));
  await on.kubectl(['patch', 'clusterrole', role, '--type=merge', '-p', JSON.stringify({ rules })]);
  await until('it goes on', async () => (await crds())?.ok);
  await mangrove.stop();
});

test('a newer ledger is refused: the program ends, and leaves it as it is', async () => {
  const { ledger } = await on.config();
  const db = new DatabaseSync(ledger.path);
  db.exec('PRAGMA user_version = 99');
  db.close();
  const { code, stderr, log } = await run();
  expect(code).toBe(1);
  expect(stderr).toMatch(/LEDGER_VERSION: ledger .* has version 99; this program knows up to \d/);
  expect(log).toContain('"code":"LEDGER_VERSION"');
  const after = new DatabaseSync(ledger.path, { readOnly: true });
  expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 });
  after.close();
});
