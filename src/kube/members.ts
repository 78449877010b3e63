import type { Cache } from '#kube/cache.ts';
import { type Clock, systemClock } from '#kube/clock.ts';
import type { Annotations } from '#kube/heartbeat.ts';
import { isExpired, type Sighting, sight } from '#kube/lease.ts';
import type { Lease } from '#kube/object.ts';

/** A replica, by its heartbeat (heartbeat.ts). */
export interface Member {
  readonly identity: string;
  /** What it says of itself. */
  readonly annotations: Annotations;
}

/** The replicas that were heard of within the time that they promise. A dead one is missed after that time. */
export interface Members {
  live(): readonly Member[];
}

/** @param heartbeats the heartbeat Leases of one namespace, kept by a watch. */
export function createMembers(heartbeats: Cache<Lease>, clock: Clock = systemClock): Members {
  const sightings = new Map<string, { readonly lease: Lease; readonly sighting: Sighting }>();

  heartbeats.onChange((_previous, lease, key) => {
    if (lease === undefined) sightings.delete(key);
    else sightings.set(key, { lease, sighting: sight(sightings.get(key)?.sighting, lease, clock) });
  });

  return {
    live() {
      const members: Member[] = [];
      for (const { lease, sighting } of sightings.values()) {
        const identity = lease.spec?.holderIdentity;
        if (!identity || isExpired(sighting, lease, 0, clock)) continue;
        members.push({ identity, annotations: lease.metadata.annotations ?? {} });
      }
      return members;
    },
  };
}
