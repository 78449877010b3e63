import type { LiveKind, LiveUids } from '#csr/signing-request/live-identity.ts';
import type { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import { ignoreNotFound } from '#kube/error.ts';
import type { AnyObject, PartialObjectMetadata } from '#kube/object.ts';
import type { Reflector } from '#kube/reflector.ts';
import { nodes, pods, type Resource, serviceAccounts } from '#kube/resource.ts';

/** The resources that identities stand on; only their metadata is watched, and only the UID of each object kept. */
export const liveResources: Readonly<Record<LiveKind, Resource>> = {
  ServiceAccount: serviceAccounts,
  Pod: pods,
  Node: nodes,
};

/** A watch that was silent for longer says nothing any more: bookmarks come about once a minute. */
const staleMs = 120_000;

/** UIDs of live objects, and the watch that keeps them. */
export interface ObservedUids {
  readonly cache: Cache<string>;
  readonly reflector: Pick<Reflector, 'lastContact'>;
}

/**
 * The UID of an object that lives. A service account or node that is being deleted, and only waits for its finalizers,
 * does not; a pod does until its grace period ends.
 */
export function liveUid(kind: LiveKind, { metadata }: AnyObject): string | undefined {
  return metadata.deletionTimestamp !== undefined && kind !== 'Pod' ? undefined : metadata.uid;
}

/** UIDs from watches, one per kind, confirmed by reads of the API server. */
export function createLiveUids(
  client: KubeClient,
  observed: Readonly<Record<LiveKind, ObservedUids>>,
  monotonic: () => number,
): LiveUids {
  return {
    observed(kind, namespace, name) {
      const { cache, reflector } = observed[kind];
      const contact = reflector.lastContact();
      if (contact === undefined || monotonic() - contact > staleMs) return undefined;
      return cache.get(namespace, name);
    },
    async read(kind, namespace, name) {
      const object = await client
        .get<PartialObjectMetadata>(liveResources[kind], name, { namespace, metadataOnly: true })
        .catch(ignoreNotFound);
      return object && liveUid(kind, object);
    },
  };
}
