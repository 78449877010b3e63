import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kubectl } from '#sandbox/kubectl.ts';
import { packageRoot } from '#sandbox/package-root.ts';

/** Names that the manifests give; a test reads them there. */
export const systemNamespace = 'mangrove-system';
export const serviceAccount = 'mangrove';
const certificateAuthority = 'mesh';
export const signerName = 'mangrove.dev/workload';

/** A Pod object that stands for one replica: nothing runs it, its process is a child of ours. */
export interface ReplicaPod {
  readonly name: string;
  readonly uid: string;
}

/** Installs Mangrove as a user would, with every component, and the one CertificateAuthority of a sandbox. */
export async function install(kubectl: Kubectl, trustDomain: string): Promise<void> {
  const manifests = join(packageRoot(), 'manifests');
  await kubectl(['apply', '--server-side', '-k', manifests]);
  // A sandbox is for trying: every kind of target may be written, and deleted, there.
  const components = await readdir(join(manifests, 'components'));
  const rights = components.map((name) => join(manifests, 'components', name, 'cluster-role.yaml'));
  await kubectl(['apply', '--server-side', ...rights.map((file) => `--filename=${file}`)]);
  await kubectl([
    'wait',
    '--for=condition=Established',
    '--timeout=60s',
    'customresourcedefinition/certificateauthorities.mangrove.dev',
    'customresourcedefinition/trustbundles.mangrove.dev',
  ]);
  const objects = [requesters, authority(trustDomain)];
  await kubectl(['create', '-f', '-'], { input: list(objects) });
}

/** In a sandbox any service account may ask; a cluster's administrator decides that case by case. */
const requesters = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'sandbox:mangrove-requester' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'mangrove-requester' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:serviceaccounts' }],
};

function authority(trustDomain: string): object {
  return {
    apiVersion: 'mangrove.dev/v1alpha1',
    kind: 'CertificateAuthority',
    metadata: { name: certificateAuthority },
    spec: { trustDomain, signerNames: [signerName] },
  };
}

interface StatefulSet {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: {
      readonly metadata?: object;
      readonly spec: { readonly volumes?: readonly object[] };
    };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

/** Does for the shipped StatefulSet what its controller would: one Pod for each replica, made of its template. */
export async function createReplicaPods(kubectl: Kubectl, replicas: number): Promise<ReplicaPod[]> {
  const inNamespace = `--namespace=${systemNamespace}`;
  const set: StatefulSet = JSON.parse(
    await kubectl([inNamespace, 'get', 'statefulset', 'mangrove', '-o', 'json']),
  );
  const pods = Array.from({ length: replicas }, (_, ordinal) => replicaPod(set, ordinal));
  await kubectl([inNamespace, 'create', '-f', '-'], { input: list(pods) });
  const names = pods.map((pod) => pod.metadata.name);
  const template = '-o=jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{"\\n"}{end}';
  const created = await kubectl([inNamespace, 'get', 'pods', template]);
  const uids = new Map(created.split('\n').map((line) => [line.split(' ')[0], line.split(' ')[1] ?? '']));
  return names.map((name) => ({ name, uid: uids.get(name) ?? '' }));
}

function replicaPod(set: StatefulSet, ordinal: number) {
  const name = `${set.metadata.name}-${ordinal}`;
  const { template, volumeClaimTemplates = [] } = set.spec;
  const claims = volumeClaimTemplates.map(({ metadata }) => ({
    name: metadata.name,
    persistentVolumeClaim: { claimName: `${metadata.name}-${name}` },
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...template.metadata, name },
    spec: { ...template.spec, hostname: name, volumes: [...(template.spec.volumes ?? []), ...claims] },
  };
}

function list(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
