import { describe, expect, test } from 'vitest';
import { apiVersion, atVersion, clusterTrustBundles, leases, objectPath, secrets } from '#kube/resource.ts';

describe('objectPath', () => {
  test('spells collections, objects and subresources of both scopes', () => {
    expect(objectPath(secrets, 'ns')).toBe('/api/v1/namespaces/ns/secrets');
    expect(objectPath(secrets, undefined)).toBe('/api/v1/secrets');
    expect(objectPath(leases, 'ns', 'l')).toBe('/apis/coordination.k8s.io/v1/namespaces/ns/leases/l');
    const old = atVersion(clusterTrustBundles, 'v1beta1');
    expect(objectPath(old, undefined, 'mangrove.dev:workload:east.test')).toBe(
      '/apis/certificates.k8s.io/v1beta1/clustertrustbundles/mangrove.dev%3Aworkload%3Aeast.test',
    );
    expect(apiVersion(old)).toBe('certificates.k8s.io/v1beta1');
    expect(objectPath(clusterTrustBundles, 'ignored', 'n', 'status')).toMatch(/bundles\/n\/status$/);
  });

  test.for(['', '.', '..', 'a/b', '../../nodes'])(
    'refuses the name "%s", which would address something else',
    (name) => {
      expect(() => objectPath(secrets, 'ns', name)).toThrow(
        expect.objectContaining({ code: 'KUBE_NAME_INVALID' }),
      );
      expect(() => objectPath(secrets, name, 'n')).toThrow(
        expect.objectContaining({ code: 'KUBE_NAME_INVALID' }),
      );
    },
  );

  test('refuses a namespaced object without its namespace', () => {
    expect(() => objectPath(secrets, undefined, 'n')).toThrow(
      expect.objectContaining({ code: 'KUBE_NAME_INVALID' }),
    );
  });

  test('characters with a meaning in a URL stay inside the segment', () => {
    expect(objectPath(secrets, 'ns', 'a?b#c%d')).toBe('/api/v1/namespaces/ns/secrets/a%3Fb%23c%25d');
  });
});
