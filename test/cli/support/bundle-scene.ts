import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { trustBundles } from '#kube/resource.ts';
import { kubeconfigYaml } from '#sandbox/kubeconfig.ts';
import { packageRoot } from '#sandbox/package-root.ts';
import { type RunResult, run } from '#sandbox/run.ts';
import { encodePem } from '#x509/pem.ts';
import { controlPlane, type TestControlPlane } from '../../support/control-plane.ts';
import { type Installation, install, until } from '../../support/installation.ts';

const program = join(packageRoot(), 'bin/mangrove');

export const pem = (...issued: readonly { readonly der: Buffer }[]): string =>
  issued.map(({ der }) => encodePem('CERTIFICATE', der)).join('');

/** A cluster with a published TrustBundle and no controller, seen by somebody who may read what holds roots and nothing else. */
export interface BundleScene {
  readonly mangrove: Installation;
  /** `mangrove bundle …` in the directory that `write` writes to. */
  bundle(args: readonly string[], input?: string): Promise<RunResult>;
  /** The same with `-o json` and nothing on stderr. */
  json(args: readonly string[]): Promise<{ readonly code: number | null; readonly value: unknown }>;
  /** Its name. */
  write(name: string, text: string): string;
  /** A ConfigMap in the namespace of sources. */
  makeRoots(name: string, data: Readonly<Record<string, string>>): Promise<void>;
  /** Of a new service account without any rights. */
  kubeconfigOf(account: string): Promise<string>;
  /** Of the ClusterTrustBundle. */
  targetName(): string;
  publishedPem(): Promise<string>;
  close(): Promise<void>;
}

export async function openBundleScene(): Promise<BundleScene> {
  const server = await controlPlane();
  const mangrove = await install(server);
  await mangrove.createAuthority();
  await mangrove.start();
  await until('the TrustBundle is ready', () => isReady(mangrove));
  await mangrove.stop();

  const { directory, kubectl, signerName, trustDomain } = mangrove;
  const kubeconfigOf = (account: string) => makeKubeconfig(server, mangrove, account);
  const kubeconfig = join(directory, 'reader.kubeconfig');
  writeFileSync(kubeconfig, await kubeconfigOf('reader'));
  await apply(mangrove, readersRole(mangrove.namespace));
  const targetName = () => `${signerName.replace('/', ':')}:${trustDomain}`;

  const bundle: BundleScene['bundle'] = (args, input) =>
    run(program, ['bundle', ...args], {
      cwd: directory,
      env: { PATH: process.env['PATH'], KUBECONFIG: kubeconfig },
      ...(input !== undefined && { input }),
    });

  return {
    mangrove,
    bundle,
    async json(args) {
      const { code, stdout, stderr } = await bundle([...args, '-o', 'json']);
      expect(stderr).toBe('');
      return { code, value: JSON.parse(stdout) };
    },
    write(name, text) {
      writeFileSync(join(directory, name), text);
      return name;
    },
    makeRoots: (name, data) =>
      apply(mangrove, [
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: mangrove.sources }, data },
      ]),
    kubeconfigOf,
    targetName,
    publishedPem: () =>
      kubectl(['get', 'clustertrustbundle', targetName(), '-o', 'jsonpath={.spec.trustBundle}']),
    close: () => mangrove.stop(),
  };
}

async function isReady({ admin, trustDomain }: Installation): Promise<boolean> {
  const { items } = await admin.list<TrustBundle>(trustBundles);
  const conditions = items.find(({ spec }) => spec.trustDomain === trustDomain)?.status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

async function apply({ kubectl }: Installation, objects: readonly unknown[]): Promise<void> {
  const input = objects.map((object) => JSON.stringify(object)).join('\n---\n');
  await kubectl(['apply', '--server-side', '-f', '-'], { input });
}

async function makeKubeconfig(
  { server, certificateAuthority }: TestControlPlane,
  { kubectl, namespace }: Installation,
  account: string,
): Promise<string> {
  await kubectl(['create', 'serviceaccount', account, '-n', namespace]);
  const token = (await kubectl(['create', 'token', account, '-n', namespace])).trim();
  return kubeconfigYaml([{ name: account, server, certificateAuthority, user: { token } }]);
}

function readersRole(namespace: string): readonly unknown[] {
  const name = `${namespace}-reader`;
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const readable = [
    ['mangrove.dev', 'trustbundles'],
    ['certificates.k8s.io', 'clustertrustbundles'],
    ['', 'configmaps'],
  ];
  return [
    {
      apiVersion,
      kind: 'ClusterRole',
      metadata: { name },
      rules: readable.map(([group, resource]) => ({
        apiGroups: [group],
        resources: [resource],
        verbs: ['get', 'list'],
      })),
    },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace }],
    },
  ];
}
