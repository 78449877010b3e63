import { targetFailure } from '#bundles/controller/failure.ts';
import { placementKeyOf } from '#bundles/controller/placement/order.ts';
import { describePlace, type Place, resourceOf } from '#bundles/controller/placement/read.ts';
import type { PlacementWatches } from '#bundles/controller/placement/watches.ts';
import { OWNER_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import { type NamedTarget, type PlacementKind, targetId } from '#bundles/target/named-target.ts';
import { isCreated, ownerLabel, withdrawalOf } from '#bundles/target/placed-object.ts';
import type { MangroveError } from '#errors/error.ts';
import { backoffDelay } from '#kube/backoff.ts';
import type { KubeClient } from '#kube/client.ts';
import { ignoreNotFound, isConflict, isNotFound } from '#kube/error.ts';
import type { AnyObject } from '#kube/object.ts';
import type { Step } from '#step.ts';

/** A target, by its identity. */
export type TargetKey = Pick<NamedTarget, 'kind' | 'name'>;

export interface RemovalsOptions {
  readonly client: KubeClient;
  readonly watches: PlacementWatches;
  readonly random: () => number;
  readonly onWork: (key: string, afterMs: number) => void;
  readonly onProgress: (owner: string) => void;
  readonly step?: Step | undefined;
}

/** What a TrustBundle wants to be gone. */
export interface RemovalWish {
  readonly owner: string;
  /** What it still publishes. */
  readonly isKept: (place: Place) => boolean;
  /** Its Secrets, those that left its specification among them: nobody watches them, so they are looked for by name. */
  readonly secrets: readonly string[];
}

/** What is left of one target where it should be gone. */
export interface Leftover {
  readonly places: number;
  readonly error: MangroveError | undefined;
}

/** Takes away what belongs to a TrustBundle and is not asked for any more: only what carries its mark, at the version that was read. */
export interface Removals {
  /** By target id; of what is gone nothing is said. */
  take(wish: RemovalWish): ReadonlyMap<string, Leftover>;
  /** One object; a key that nobody wants to be gone is passed by. */
  run(key: string, signal: AbortSignal): Promise<void>;
  /** It is not for us to do now: whoever wishes for it again begins anew. */
  release(key: string): void;
  forget(owner: string): void;
}

interface Candidate {
  readonly place: Place;
  /** That the watch shows; nobody watches Secrets. */
  readonly version: string;
}

interface Removal extends Candidate {
  readonly owner: string;
  error: MangroveError | undefined;
  failures: number;
}

const pace = { baseMs: 250, maxMs: 5 * 60_000 };

export function createRemovals(options: RemovalsOptions): Removals {
  const { client, watches, random, onWork, onProgress, step } = options;
  const waiting = new Map<string, Removal>();
  /** What was seen not to be there, or not to be ours, by key and version: it is not looked at again. */
  const gone = new Map<string, string>();

  function candidates({ owner, isKept, secrets }: RemovalWish): Map<string, Candidate> {
    // Before all namespaces are known, nothing would seem to be kept in any.
    const isKnown = (kind: PlacementKind): boolean => watches.hindrance(kind) === undefined;
    const owned = isKnown('configMap') ? watches.ownedBy(ownerLabel(owner)) : [];
    const spaces = isKnown('secret') ? watches.namespaces() : [];
    const maps = owned.map(({ namespace, name, version }) => ({
      place: placeAt('configMap', namespace, name),
      version,
    }));
    const others = secrets.flatMap((name) =>
      spaces.map((namespace) => ({ place: placeAt('secret', namespace.name, name), version: '' })),
    );
    const found = new Map<string, Candidate>();
    for (const candidate of [...maps, ...others]) {
      const key = placementKeyOf(owner, candidate.place);
      if (isKept(candidate.place)) gone.delete(key);
      else if (gone.get(key) !== candidate.version) found.set(key, candidate);
    }
    return found;
  }

  async function remove({ place, owner }: Removal, signal: AbortSignal): Promise<void> {
    const { kind, namespace, name } = place;
    const resource = resourceOf[kind];
    const read = { namespace, metadataOnly: true, signal };
    const object = await client.get<AnyObject>(resource, name, read).catch<undefined>(ignoreNotFound);
    if (object?.metadata.annotations?.[OWNER_ANNOTATION] !== owner) return;
    await step?.('removal/delete');
    const { uid = '', resourceVersion = '' } = object.metadata;
    if (isCreated(object)) return client.delete(resource, name, { namespace, uid, resourceVersion, signal });
    const options = { strategy: 'strategic', metadataOnly: true, signal } as const;
    await client.patch(resource, { name, namespace }, withdrawalOf(object), options);
  }

  return {
    take(wish) {
      const found = candidates(wish);
      for (const [key, removal] of waiting) {
        if (removal.owner === wish.owner && !found.has(key)) waiting.delete(key);
      }
      const left = new Map<string, Leftover>();
      for (const [key, candidate] of found) {
        const known = waiting.get(key);
        if (known === undefined) {
          waiting.set(key, { ...candidate, owner: wish.owner, error: undefined, failures: 0 });
          onWork(key, 0);
        }
        const id = targetId(candidate.place);
        const { places = 0, error } = left.get(id) ?? {};
        left.set(id, { places: places + 1, error: error ?? known?.error });
      }
      return left;
    },
    async run(key, signal) {
      const removal = waiting.get(key);
      if (removal === undefined) return;
      try {
        await remove(removal, signal);
        waiting.delete(key);
        gone.set(key, removal.version);
      } catch (error) {
        // Somebody else changed or deleted it: what it is now is read again.
        const raced = isConflict(error) || isNotFound(error);
        removal.error = raced ? undefined : targetFailure(describePlace(removal.place), error);
        removal.failures += 1;
        onWork(key, backoffDelay(removal.failures, pace, random));
      }
      onProgress(removal.owner);
    },
    release: (key) => void waiting.delete(key),
    forget(owner) {
      for (const [key, removal] of waiting) if (removal.owner === owner) waiting.delete(key);
    },
  };
}

function placeAt(kind: PlacementKind, namespace: string, name: string): Place {
  return { kind, namespace, name };
}
