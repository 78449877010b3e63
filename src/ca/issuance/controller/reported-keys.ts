import type { Cache } from '#kube/cache.ts';
import type { Lease } from '#kube/object.ts';

/** On a heartbeat Lease: the ids of the issuing keys of its replica, separated by commas. */
export const issuingKeysAnnotation = 'mangrove.dev/issuing-keys';

/** Keys by their id: SKI in hex. */
export interface KeyIds {
  has(keyId: string): boolean;
}

/** The issuing keys of all replicas by their heartbeats, also of those that are silent: their certificates live on. */
export function createReportedKeys(heartbeats: Cache<Lease>): KeyIds {
  const byLease = new Map<string, ReadonlySet<string>>();
  heartbeats.onChange((_previous, lease, key) => {
    const reported = lease?.metadata.annotations?.[issuingKeysAnnotation];
    if (reported === undefined) byLease.delete(key);
    else byLease.set(key, new Set(reported.split(',')));
  });
  return { has: (keyId) => byLease.values().some((keys) => keys.has(keyId)) };
}
