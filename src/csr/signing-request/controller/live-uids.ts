import type { LiveKind, LiveUids } from '#csr/signing-request/live-identity.ts';
import type { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import { isNotFound } from '#kube/error.ts';
import type { PartialObjectMetadata } from '#kube/object.ts';
import { nodes, pods, type Resource, serviceAccounts } from '#kube/resource.ts';

/** The resources that identities stand on; only their metadata is watched, and only the UID of each object kept. */
export const liveResources: Readonly<Record<LiveKind, Resource>> = {
  ServiceAccount: serviceAccounts,
  Pod: pods,
  Node: nodes,
};

/** UIDs from caches of UIDs, one per kind, confirmed by reads of the API server. */
export function createLiveUids(
  client: KubeClient,
  observed: Readonly<Record<LiveKind, Cache<string>>>,
): LiveUids {
  return {
    observed: (kind, namespace, name) => observed[kind].get(namespace, name),
    async read(kind, namespace, name) {
      try {
        const object = await client.get<PartialObjectMetadata>(liveResources[kind], name, {
          namespace,
          metadataOnly: true,
        });
        return object.metadata.uid;
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
  };
}
