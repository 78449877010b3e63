import { splitKey } from '#bundles/controller/placement/order.ts';
import type { TargetKey } from '#bundles/controller/placement/removals.ts';
import { OWNER_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import { targetId } from '#bundles/target/named-target.ts';
import { OWNER_LABEL, ownerLabel } from '#bundles/target/placed-object.ts';
import type { Leftover } from '#bundles/target/placement-summary.ts';
import type { KubeClient } from '#kube/client.ts';
import type { AnyObject } from '#kube/object.ts';
import { configMaps } from '#kube/resource.ts';

/**
 * What the API server itself says is left of ConfigMaps: a watch is late by an event now and then, and what it does not show yet would be
 * left behind for ever. Once it has said that nothing is, it is not asked again.
 */
export interface Remains {
  /** Those of which it has not said yet that nothing is left. */
  doubtful<T extends TargetKey>(owner: string, targets: readonly T[]): readonly T[];
  /** Of a TrustBundle, by target id. Throws KubeError. */
  of(
    owner: string,
    targets: readonly TargetKey[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly Leftover[]>>;
  /** One object of that key may be written. */
  doubt(key: string): void;
  /** Of that TrustBundle, or without a name of any. */
  forget(owner?: string): void;
}

/** ConfigMaps of a TrustBundle that the API server has, and does not delete already. Throws KubeError. */
export async function standingConfigMaps(
  client: Pick<KubeClient, 'list'>,
  owner: string,
  signal: AbortSignal,
): Promise<readonly AnyObject[]> {
  const labelSelector = `${OWNER_LABEL}=${ownerLabel(owner)}`;
  const { items } = await client.list(configMaps, { labelSelector, metadataOnly: true, signal });
  return items.filter(
    ({ metadata }) =>
      metadata.annotations?.[OWNER_ANNOTATION] === owner && metadata.deletionTimestamp === undefined,
  );
}

export function createRemains(client: Pick<KubeClient, 'list'>): Remains {
  /** TrustBundle → ids of targets that nothing is left of. */
  const cleared = new Map<string, Set<string>>();

  async function list(owner: string, signal: AbortSignal): Promise<Map<string, Leftover[]>> {
    return Map.groupBy(
      (await standingConfigMaps(client, owner, signal)).map(({ metadata: { name, namespace = '' } }) => ({
        name,
        namespace,
        error: undefined,
      })),
      ({ name }) => targetId({ kind: 'configMap', name }),
    );
  }

  return {
    doubtful: (owner, targets) =>
      targets.filter((one) => one.kind === 'configMap' && cleared.get(owner)?.has(targetId(one)) !== true),
    async of(owner, targets, signal) {
      const left = await list(owner, signal);
      const none = targets.map(targetId).filter((id) => !left.has(id));
      cleared.set(owner, new Set([...(cleared.get(owner) ?? []), ...none]));
      return left;
    },
    doubt(key) {
      const { id } = splitKey(key);
      const [owner = '', target = ''] = id.split(' ');
      cleared.get(owner)?.delete(target);
    },
    forget(owner) {
      if (owner === undefined) cleared.clear();
      else cleared.delete(owner);
    },
  };
}
