import { MangroveError } from '#errors/error.ts';

/** One kind of object at one version, as it stands in a request path. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower-case plural, as in the path. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export const certificateSigningRequests: Resource = {
  group: 'certificates.k8s.io',
  version: 'v1',
  plural: 'certificatesigningrequests',
  kind: 'CertificateSigningRequest',
  namespaced: false,
};

/** At v1; clusters before 1.37 serve an older version: discover it, then `atVersion`. */
export const clusterTrustBundles: Resource = {
  group: 'certificates.k8s.io',
  version: 'v1',
  plural: 'clustertrustbundles',
  kind: 'ClusterTrustBundle',
  namespaced: false,
};

/** Newest first; the spec is the same in all three (KEP-3257). */
export const clusterTrustBundleVersions = ['v1', 'v1beta1', 'v1alpha1'] as const;

export const customResourceDefinitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

export const leases: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};

export const configMaps: Resource = core('configmaps', 'ConfigMap', true);
export const secrets: Resource = core('secrets', 'Secret', true);
export const events: Resource = core('events', 'Event', true);
export const pods: Resource = core('pods', 'Pod', true);
export const serviceAccounts: Resource = core('serviceaccounts', 'ServiceAccount', true);
export const namespaces: Resource = core('namespaces', 'Namespace', false);
export const nodes: Resource = core('nodes', 'Node', false);

export const certificateAuthorities: Resource = ours('certificateauthorities', 'CertificateAuthority');
export const trustBundles: Resource = ours('trustbundles', 'TrustBundle');

function core(plural: string, kind: string, namespaced: boolean): Resource {
  return { group: '', version: 'v1', plural, kind, namespaced };
}

function ours(plural: string, kind: string): Resource {
  return { group: 'mangrove.dev', version: 'v1alpha1', plural, kind, namespaced: false };
}

export function atVersion(resource: Resource, version: string): Resource {
  return { ...resource, version };
}

/** The `apiVersion` of its objects: `v1`, `certificates.k8s.io/v1`. */
export function apiVersion(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** `/api/v1` or `/apis/<group>/<version>`. */
export function groupVersionPath(group: string, version: string): string {
  return group === '' ? `/api/${segment(version)}` : `/apis/${segment(group)}/${segment(version)}`;
}

/**
 * The request path of a collection (no `name`), an object, or a subresource of it. `namespace` undefined on a
 * namespaced resource means all namespaces, which has no single object.
 */
export function objectPath(
  resource: Resource,
  namespace: string | undefined,
  name?: string,
  subresource?: string,
): string {
  let path = groupVersionPath(resource.group, resource.version);
  if (resource.namespaced && namespace !== undefined) path += `/namespaces/${segment(namespace)}`;
  if (resource.namespaced && namespace === undefined && name !== undefined) {
    throw new MangroveError(
      'KUBE_NAME_INVALID',
      `${resource.kind} "${name}" was addressed without a namespace`,
    );
  }
  path += `/${segment(resource.plural)}`;
  if (name !== undefined) path += `/${segment(name)}`;
  if (subresource !== undefined) path += `/${segment(subresource)}`;
  return path;
}

/**
 * One path segment, percent-encoded. An empty name would turn a DELETE of one object into one of all of them, and dots
 * would climb out of the collection, so both are refused here, whatever a caller forgot to check.
 */
function segment(text: string): string {
  if (text === '' || text === '.' || text === '..' || text.includes('/')) {
    throw new MangroveError('KUBE_NAME_INVALID', `"${text.slice(0, 80)}" cannot stand in a request path`);
  }
  return encodeURIComponent(text);
}
