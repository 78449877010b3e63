import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import type { Kubectl } from '#sandbox/kubectl.ts';
import { manifests } from '../../support/shared-objects.ts';

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules: readonly { readonly resources: readonly string[] }[];
}

function shipped(file: string, kind: string, name: string): Role {
  const objects = loadAll(readFileSync(join(manifests, file), 'utf8')) as Role[];
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`manifests/${file} has no ${kind} ${name}`);
  return found;
}

export type Component =
  | 'configmap-targets'
  | 'secret-targets'
  | 'clustertrustbundle-deletion'
  | 'configmap-deletion'
  | 'secret-deletion';

/** The ClusterRole of a component, which the base does without. */
export const componentRole = (component: Component): Role =>
  shipped(`components/${component}/cluster-role.yaml`, 'ClusterRole', `mangrove-${component}`);

const shippedRole = shipped('base/cluster-role.yaml', 'ClusterRole', 'mangrove');
const isAboutSigners = ({ resources }: { readonly resources: readonly string[] }) =>
  resources.includes('signers');

/** What the shipped ClusterRole allows, in two parts, so that a test can leave `attest` out. */
export const role: Role = {
  ...shippedRole,
  metadata: { name: 'bundles-test' },
  rules: shippedRole.rules.filter((rule) => !isAboutSigners(rule)),
};
export const attestRole: Role = {
  ...shippedRole,
  metadata: { name: 'bundles-test-attest' },
  // The tests' trust domains have signer names of their own, below one domain.
  rules: shippedRole.rules
    .filter(isAboutSigners)
    .map((rule) => ({ ...rule, resourceNames: ['bundles.test/*'] })),
};
const eventsRole = shipped('base/roles.yaml', 'Role', 'mangrove-events');
export const sourcesRole = shipped('base/roles.yaml', 'Role', 'mangrove-sources');

/** The namespace of sources that belongs to the service account of a test's namespace. */
export const sourcesNamespace = (namespace: string): string => `${namespace}-trust`;

export async function apply(kubectl: Kubectl, ...objects: readonly unknown[]): Promise<void> {
  for (const object of objects) {
    await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input: JSON.stringify(object),
    });
  }
}

/** A service account with these ClusterRoles and no more; its token. */
export async function makeServiceAccount(
  kubectl: Kubectl,
  namespace: string,
  roles: readonly string[],
): Promise<string> {
  const account = { kind: 'ServiceAccount', name: 'mangrove', namespace };
  await apply(
    kubectl,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'mangrove', namespace } },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: sourcesNamespace(namespace) } },
    ...roles.map((name) => binding(name, account)),
    eventsRole,
    roleBinding(eventsRole, 'default', account),
    { ...sourcesRole, metadata: { ...sourcesRole.metadata, namespace: sourcesNamespace(namespace) } },
    roleBinding(sourcesRole, sourcesNamespace(namespace), account),
  );
  return (await kubectl(['create', 'token', 'mangrove', '-n', namespace])).trim();
}

/** Of a Role in that namespace to the account of another. */
export function roleBinding(role: Role, namespace: string, account: { readonly namespace: string }) {
  return {
    ...binding(role.metadata.name, account),
    kind: 'RoleBinding',
    metadata: { name: `${role.metadata.name}-${account.namespace}`, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role.metadata.name },
  };
}

export function binding(role: string, account: { readonly namespace: string }) {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: `${role}-${account.namespace}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name: 'mangrove', namespace: account.namespace }],
  };
}
