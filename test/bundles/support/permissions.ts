import type { Kubectl } from '#sandbox/kubectl.ts';

/** The part of the shipped ClusterRole that this room needs; signer names are added by the test that uses others. */
export const role = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'bundles-test' },
  rules: [
    {
      apiGroups: ['certificates.k8s.io'],
      resources: ['clustertrustbundles'],
      verbs: ['get', 'list', 'watch', 'create', 'update'],
    },
    { apiGroups: ['mangrove.dev'], resources: ['trustbundles'], verbs: ['get', 'list', 'watch'] },
    { apiGroups: ['mangrove.dev'], resources: ['trustbundles/status'], verbs: ['update'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
  ],
};

/** `attest` is apart, so that a test can take it away. */
export const attestRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'bundles-test-attest' },
  rules: [
    {
      apiGroups: ['certificates.k8s.io'],
      resources: ['signers'],
      resourceNames: ['mangrove.dev/workload'],
      verbs: ['attest'],
    },
  ],
};

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
    ...roles.map((name) => binding(name, account)),
  );
  return (await kubectl(['create', 'token', 'mangrove', '-n', namespace])).trim();
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
